#include <filesystem>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/local_files.h"
#include "cli/progress.h"
#include "cli/sandbox_body.h"
#include "cli/table.h"

namespace mayfly::cli {

namespace {

constexpr const char* archives_path = "/v1/archives";
constexpr std::chrono::milliseconds no_timeout{0};   // archives are as long as they are

std::string card_of(const json::object& archive, const Paper& paper) {
  Table card({{"", 0}, {"", 20}});
  const auto now = wall_now();
  const auto add = [&](const char* label, const std::string& text) {
    if (!text.empty()) card.add({Cell(label, Tone::faint), Cell(text)});
  };
  const auto moment = [&](const char* label, const char* key) {
    if (const auto time = time_at(archive, key)) add(label, plain(time) + "  (" + relative(time, now) + ")");
  };
  add("id", text_at(archive, "id"));
  add("state", text_at(archive, "state"));
  const auto both = [](const std::string& name, const std::string& id) { return id.empty() ? id : name + "  " + id; };
  add("sandbox", both(text_at(archive, "sandbox_name"), text_at(archive, "sandbox_id")));
  add("volume", both(text_at(archive, "volume_name"), text_at(archive, "volume_id")));
  const auto& image = object_at(archive, "image");
  add("image", both(text_at(image, "name"), text_at(image, "digest")));
  add("manifest", text_at(archive, "manifest_digest"));
  add("content", text_at(archive, "entries") + " entries, " + bytes(number_at(archive, "content_bytes")) +
                     ", stored as " + bytes(number_at(archive, "stored_bytes")));
  if (const auto left_out = number_at(archive, "left_out"); left_out && *left_out > 0)
    add("left out", text_at(archive, "left_out") + " devices, sockets and pipes");
  for (const auto& path : array_at(archive, "left_out_paths"))
    if (path.is_string()) add("", std::string(path.as_string()));
  moment("created", "created_at");
  moment("verified", "verified_at");
  add("damage", text_at(archive, "verify_error"));
  moment("expires", "expires_at");
  return card.render(paper);
}

std::string download_path(const std::string& archive, const ArchiveOptions& options) {
  if (!options.path.empty()) return path_to(archives_path, {archive, "content"}, {{"path", options.path}});
  if (options.plain_tar) return path_to(archives_path, {archive, "download"}, {{"format", "tar"}});
  return path_to(archives_path, {archive, "content"});
}

/// How much will come, where somebody looks on and the server knows.
Result<std::optional<std::uint64_t>> total_of(Session& session, const Progress& progress, const std::string& archive,
                                              const ArchiveOptions& options) {
  if (!progress.shown() || options.plain_tar || !options.path.empty()) return std::optional<std::uint64_t>();
  const auto answer = TRY(session.api.get("get archive " + archive, path_to(archives_path, {archive})));
  const auto bytes = number_at(answer.body, "stored_bytes");
  return bytes ? std::optional(static_cast<std::uint64_t>(*bytes)) : std::nullopt;
}

Status fetch(Session& session, const std::string& archive, const ArchiveOptions& options,
             const std::function<bool(std::string_view)>& take) {
  http::ClientRequest request{.path = download_path(archive, options), .timeout = no_timeout};
  request.download = take;
  TRY(session.api.call("download archive " + archive, request));
  return {};
}

}  // namespace

Result<int> list_archives(Session& session, const ListOptions& options) {
  Query query;
  if (!options.sandbox.empty()) query.emplace_back("sandbox", options.sandbox);
  for (const auto& state : options.states) query.emplace_back("state", state);
  const auto found = TRY(session.api.list("list archives", archives_path, query, options.all || session.json));
  Table table({{"ID"}, {"OF", 12}, {"STATE"}, {"STORED", 0, true}, {"CREATED"}, {"EXPIRES"}, {"IMAGE", 8}});
  const auto now = wall_now();
  for (const auto& value : found.items) {
    const auto& archive = value.as_object();
    const auto state = text_at(archive, "state");
    const auto volume = text_at(archive, "volume_name");
    const auto of = volume.empty() ? text_at(archive, "sandbox_name") : "volume " + volume;
    table.add({text_at(archive, "id"), of, {state, tone_of(state)},
               bytes(number_at(archive, "stored_bytes")), relative(time_at(archive, "created_at"), now),
               relative(time_at(archive, "expires_at"), now), text_at(object_at(archive, "image"), "name")});
  }
  show_list(session, found, table.render(session.out.paper()));
  return exit_ok;
}

Result<int> get_archive(Session& session, const std::string& archive) {
  const auto answer = TRY(session.api.get("get archive " + archive, path_to(archives_path, {archive})));
  show(session, answer, card_of(answer.body, session.out.paper()));
  return exit_ok;
}

Result<int> remove_archive(Session& session, const std::string& archive) {
  const auto answer = TRY(session.api.send("delete archive " + archive, "DELETE", path_to(archives_path, {archive})));
  show(session, answer, text_at(answer.body, "id") + "  deleting  " + text_at(answer.body, "cleanup_task_id") + "\n");
  return exit_ok;
}

Result<int> download_archive(Session& session, const std::string& archive, const ArchiveOptions& options) {
  if (options.file == "-") {
    TRY(fetch(session, archive, options, [&](std::string_view piece) { return session.out.write(piece); }));
    return exit_ok;
  }
  std::filesystem::path to = options.file;
  if (to.empty() && !options.path.empty()) to = std::filesystem::path(options.path).filename();
  if (to.empty()) to = archive + (options.plain_tar ? ".tar" : ".tar.zst");
  auto written = TRY(NewFile::beside(to));
  {
    Progress progress(session, "download " + archive);
    const auto total = TRY(total_of(session, progress, archive, options));
    std::uint64_t got = 0;
    TRY(fetch(session, archive, options, [&](std::string_view piece) {
      progress.bytes(got += piece.size(), total);
      return written.write(piece);
    }));
  }
  TRY(written.keep(0600));
  const json::object summary = {{"id", archive}, {"file", to.string()}, {"bytes", written.size()}};
  if (session.json) session.out.line(boost::json::serialize(summary));
  else session.out.line(to.string() + "  " + bytes(static_cast<double>(written.size())));
  return exit_ok;
}

Result<int> list_archive_files(Session& session, const std::string& archive, const ArchiveOptions& options) {
  Query query;
  if (!options.path.empty()) query.emplace_back("path", options.path);
  const auto found = TRY(session.api.list("list the files of archive " + archive,
                                          path_to(archives_path, {archive, "files"}), query,
                                          options.all || session.json));
  Table table({{"TYPE"}, {"SIZE", 0, true}, {"PATH", 20}, {"TARGET", 8}});
  for (const auto& value : found.items) {
    const auto& entry = value.as_object();
    table.add({text_at(entry, "type"), bytes(number_at(entry, "size")), text_at(entry, "path"),
               text_at(entry, "target")});
  }
  show_list(session, found, table.render(session.out.paper()), false);
  if (found.more && !session.json) note(session, "there are more; --all shows every one");
  return exit_ok;
}

Result<int> verify_archive(Session& session, const std::string& archive) {
  const auto what = "verify archive " + archive;
  const auto answer = TRY(with_progress(session, what, [&] {
    return session.api.send(what, "POST", path_to(archives_path, {archive, "verify"}), {}, no_timeout);
  }));
  const bool intact = flag_at(answer.body, "intact");
  show(session, answer, archive + (intact ? "  intact  " + bytes(number_at(answer.body, "stored_bytes"))
                                          : "  DAMAGED  " + text_at(answer.body, "verify_error")) + "\n");
  return intact ? exit_ok : exit_failed;
}

namespace {

void show_end(Session& session, const std::string& archive, const Answer& answer) {
  const auto ends = time_at(answer.body, "expires_at");
  show(session, answer, archive + "  " + (ends ? "expires " + plain(ends) + "  (" + relative(ends, wall_now()) + ")"
                                               : "is kept for ever") + "\n");
}

}  // namespace

Result<int> set_archive_expiry(Session& session, const std::string& archive, const ArchiveOptions& options) {
  if (options.retention.empty() == options.at.empty())
    return fail(Code::invalid, "expiry: give either --retention or --at");
  json::object body;
  if (!options.at.empty()) body["expires_at"] = options.at;
  else if (options.retention == "never") body["retention_seconds"] = nullptr;
  else body["retention_seconds"] = TRY(seconds_of("--retention", options.retention));
  const auto answer = TRY(session.api.send("set the end of archive " + archive, "PUT",
                                           path_to(archives_path, {archive, "expiry"}), body));
  show_end(session, archive, answer);
  return exit_ok;
}

Result<int> keep_archive(Session& session, const std::string& archive, const std::string& by,
                         const std::string& until) {
  if (by.empty() == until.empty()) return fail(Code::invalid, "keep: give either a duration or --until");
  json::object body;
  if (!until.empty()) body["until"] = until;
  else body["extend_seconds"] = TRY(seconds_of("D", by));
  const auto answer = TRY(session.api.send("keep archive " + archive, "POST",
                                           path_to(archives_path, {archive, "keep"}), body));
  show_end(session, archive, answer);
  return exit_ok;
}

Result<int> restore_path(Session& session, const RestoreOptions& options) {
  json::object body = {{"sandbox", options.into}, {"path", options.path}};
  if (!options.to.empty()) body["to"] = options.to;
  const auto what = "restore " + options.path + " of archive " + options.archive;
  const auto answer = TRY(with_progress(session, what, [&] {
    return session.api.send(what, "POST", path_to(archives_path, {options.archive, "restore"}), body, no_timeout);
  }));
  const auto& done = answer.body;
  show(session, answer,
       text_at(done, "to") + "  " + text_at(done, "files") + " files (" + bytes(number_at(done, "bytes")) + "), " +
           text_at(done, "folders") + " folders, " + text_at(done, "links") + " links\n");
  return exit_ok;
}

}  // namespace mayfly::cli
