#include <filesystem>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/local_files.h"
#include "cli/table.h"

namespace mayfly::cli {

namespace {

constexpr const char* archives_path = "/v1/archives";
constexpr const char* images_path = "/v1/images";
constexpr std::chrono::milliseconds no_timeout{0};   // archives are as long as they are
constexpr std::chrono::minutes import_timeout{30};

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
  add("sandbox", text_at(archive, "sandbox_name") + "  " + text_at(archive, "sandbox_id"));
  add("image", text_at(object_at(archive, "image"), "name") + "  " + text_at(object_at(archive, "image"), "digest"));
  add("manifest", text_at(archive, "manifest_digest"));
  add("content", text_at(archive, "entries") + " entries, " + bytes(number_at(archive, "content_bytes")) +
                     ", stored as " + bytes(number_at(archive, "stored_bytes")));
  if (const auto left_out = number_at(archive, "left_out"); left_out && *left_out > 0)
    add("left out", text_at(archive, "left_out") + " devices, sockets and pipes");
  moment("created", "created_at");
  moment("verified", "verified_at");
  moment("expires", "expires_at");
  return card.render(paper);
}

Status fetch(Session& session, const std::string& archive, const std::function<bool(std::string_view)>& take) {
  http::ClientRequest request{.path = path_to(archives_path, {archive, "content"}), .timeout = no_timeout};
  request.download = take;
  TRY(session.api.call("download archive " + archive, request));
  return {};
}

}  // namespace

Result<int> list_archives(Session& session, const ListOptions& options) {
  Query query;
  if (!options.sandbox.empty()) query.emplace_back("sandbox", options.sandbox);
  const auto found = TRY(session.api.list("list archives", archives_path, query, options.all || session.json));
  Table table({{"ID"}, {"SANDBOX", 12}, {"STATE"}, {"STORED", 0, true}, {"CREATED"}, {"EXPIRES"}, {"IMAGE", 8}});
  const auto now = wall_now();
  for (const auto& value : found.items) {
    const auto& archive = value.as_object();
    const auto state = text_at(archive, "state");
    table.add({text_at(archive, "id"), text_at(archive, "sandbox_name"), {state, tone_of(state)},
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

Result<int> download_archive(Session& session, const std::string& archive, const std::string& file) {
  if (file == "-") {
    TRY(fetch(session, archive, [&](std::string_view piece) { return session.out.write(piece); }));
    return exit_ok;
  }
  const std::filesystem::path to = file.empty() ? archive + ".tar.zst" : file;
  auto written = TRY(NewFile::beside(to));
  TRY(fetch(session, archive, [&](std::string_view piece) { return written.write(piece); }));
  TRY(written.keep(0600));
  const json::object summary = {{"id", archive}, {"file", to.string()}, {"bytes", written.size()}};
  if (session.json) session.out.line(boost::json::serialize(summary));
  else session.out.line(to.string() + "  " + bytes(static_cast<double>(written.size())));
  return exit_ok;
}

Result<int> list_images(Session& session) {
  const auto answer = TRY(session.api.get("list images", images_path));
  Table table({{"NAME"}, {"DIGEST", 19}, {"SIZE", 0, true}, {"CREATED"}});
  const auto now = wall_now();
  for (const auto& value : array_at(answer.body, "items")) {
    const auto& image = value.as_object();
    table.add({text_at(image, "name"), text_at(image, "digest"), bytes(number_at(image, "bytes")),
               relative(time_at(image, "created_at"), now)});
  }
  show_list(session, {array_at(answer.body, "items"), false}, table.render(session.out.paper()), false);
  return exit_ok;
}

Result<int> import_image(Session& session, const std::string& path, const std::string& name) {
  std::error_code trouble;
  const auto absolute = std::filesystem::absolute(path, trouble).lexically_normal().string();
  const auto answer = TRY(session.api.send("import " + path, "POST", images_path, {{"path", absolute}, {"name", name}},
                                           import_timeout));
  show(session, answer, text_at(answer.body, "name") + "  " + text_at(answer.body, "digest") + "  " +
                            bytes(number_at(answer.body, "bytes")) + "\n");
  return exit_ok;
}

Result<int> remove_image(Session& session, const std::string& name) {
  const auto answer = TRY(session.api.send("remove image " + name, "DELETE", path_to(images_path, {name})));
  show(session, answer, "removed " + text_at(answer.body, "removed") + "\n");
  return exit_ok;
}

}  // namespace mayfly::cli
