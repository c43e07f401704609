#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/duration.h"
#include "cli/exit_code.h"
#include "cli/sandbox_body.h"
#include "cli/table.h"

namespace mayfly::cli {

namespace {

constexpr const char* volumes_path = "/v1/volumes";
constexpr std::chrono::milliseconds no_timeout{0};   // an archive takes as long as it is

std::string size_of(const json::object& volume) {
  const auto size = number_at(volume, "size_mb");
  return size ? bytes(*size * 1048576.0) : std::string();
}

std::string card_of(const json::object& volume, const Paper& paper) {
  Table card({{"", 0}, {"", 20}});
  const auto now = wall_now();
  const auto add = [&](const char* label, const std::string& text) {
    if (!text.empty()) card.add({Cell(label, Tone::faint), Cell(text)});
  };
  add("id", text_at(volume, "id"));
  add("name", text_at(volume, "name"));
  add("state", text_at(volume, "state"));
  add("size", size_of(volume));
  add("restored", text_at(volume, "restored_from"));
  for (const auto& caveat : array_at(volume, "caveats"))
    if (caveat.is_string()) add("caveat", std::string(caveat.as_string()));
  if (const auto time = time_at(volume, "created_at")) add("created", plain(time) + "  (" + relative(time, now) + ")");
  if (const auto time = time_at(volume, "expires_at")) add("expires", plain(time) + "  (" + relative(time, now) + ")");
  add("cleanup", text_at(volume, "cleanup_task_id"));
  return card.render(paper);
}

}  // namespace

Result<int> create_volume(Session& session, const VolumeOptions& options) {
  json::object body;
  if (!options.name.empty()) body["name"] = options.name;
  if (!options.restore_from.empty()) body["restore_from"] = options.restore_from;
  if (options.size_mb != 0) body["size_mb"] = options.size_mb;
  if (!options.labels.empty()) body["labels"] = TRY(map_of("--label", options.labels));
  const auto answer = TRY(session.api.send("create a volume", "POST", volumes_path, body, no_timeout));
  show(session, answer, text_at(answer.body, "id") + "  " + text_at(answer.body, "name") + "  " + size_of(answer.body) +
                            "\n");
  return exit_ok;
}

Result<int> list_volumes(Session& session, const ListOptions& options) {
  Query query;
  for (const auto& state : options.states) query.emplace_back("state", state);
  for (const auto& label : options.labels) query.emplace_back("label", label);
  const auto found = TRY(session.api.list("list volumes", volumes_path, query, options.all || session.json));
  Table table({{"ID"}, {"NAME", 12}, {"STATE"}, {"SIZE", 0, true}, {"CREATED"}});
  const auto now = wall_now();
  for (const auto& value : found.items) {
    const auto& volume = value.as_object();
    const auto state = text_at(volume, "state");
    table.add({text_at(volume, "id"), text_at(volume, "name"), {state, tone_of(state)}, size_of(volume),
               relative(time_at(volume, "created_at"), now)});
  }
  show_list(session, found, table.render(session.out.paper()));
  return exit_ok;
}

Result<int> get_volume(Session& session, const std::string& volume) {
  const auto answer = TRY(session.api.get("get volume " + volume, path_to(volumes_path, {volume})));
  show(session, answer, card_of(answer.body, session.out.paper()));
  return exit_ok;
}

Result<int> remove_volume(Session& session, const std::string& volume, const RemoveOptions& options) {
  Query query;
  if (options.no_archive) query.emplace_back("archive", "false");
  if (options.waive_on_failure) query.emplace_back("on_archive_failure", "waive");
  if (!options.keep_archive.empty()) {
    const auto kept = TRY(seconds_of("--keep-archive", options.keep_archive));
    query.emplace_back("archive_retention_seconds", std::to_string(static_cast<std::int64_t>(kept)));
  }
  const auto answer =
      TRY(session.api.send("delete volume " + volume, "DELETE", path_to(volumes_path, {volume}, query)));
  const auto task = text_at(answer.body, "cleanup_task_id");
  show(session, answer, text_at(answer.body, "id") + "  deleting  " + task + "\n");
  if (!options.wait) return exit_ok;
  return wait_for_cleanup(session, task, TRY(parse_duration(options.timeout)));
}

}  // namespace mayfly::cli
