#include "api/native/render.h"

#include "core/host_words.h"
#include "json/bytes.h"

namespace mayfly::api::native {

namespace json = boost::json;

json::value time_or_null(const std::optional<Time>& time) { return time ? json::value(format(*time)) : json::value(); }

json::value seconds_or_null(const std::optional<Duration>& duration) {
  return duration ? json::value(seconds(*duration)) : json::value();
}

json::value text_or_null(const std::string& text) { return text.empty() ? json::value() : json::value(text); }

json::object render_map(const std::map<std::string, std::string>& map) {
  json::object object;
  for (const auto& [key, value] : map) object[key] = value;
  return object;
}

namespace {

/// What went wrong on the host, as far as it is a caller's business. It may hold names of files, which are bytes.
json::value trouble_or_null(const std::string& message) {
  return text_or_null(mayfly::json::as_text(without_host_words(message)));
}

json::object render_data(const std::map<std::string, std::string>& data) {
  json::object object;
  for (const auto& [key, value] : data) object[key] = mayfly::json::as_text(without_host_words(value));
  return object;
}

json::object render(const Resources& resources) {
  return {{"cpus", resources.cpus},
          {"memory_mb", resources.memory_mb},
          {"pids", resources.pids},
          {"disk_mb", resources.disk_mb}};
}

json::value render_actions(const std::array<ExpiryAction, 3>& actions) {
  if (actions[0] == actions[1] && actions[1] == actions[2]) return json::value(name(actions[0]));
  return json::object{{"max_age", name(actions[0])}, {"idle", name(actions[1])}, {"at", name(actions[2])}};
}

json::object render(const Lifetime& life) {
  return {{"max_age_seconds", seconds_or_null(life.policy.max_age)},
          {"idle_seconds", seconds_or_null(life.policy.idle)},
          {"at", life.policy.at ? json::value(format(*life.policy.at)) : json::value()},
          {"limit_seconds", seconds_or_null(life.policy.limit)},
          {"on_expiry", render_actions(life.policy.actions)}};
}

json::value render(const std::optional<Ending>& ending) {
  if (!ending) return nullptr;
  return json::object{{"reason", ending->reason}, {"actor", ending->actor}, {"at", format(ending->at)}};
}

json::value render_trouble(const Work& work) {
  if (work.last_error.empty()) return nullptr;
  return json::object{{"code", work.error_code},
                      {"message", trouble_or_null(work.last_error)},
                      {"attempts", work.attempts}};
}

json::array render(const std::vector<VolumeMount>& mounts) {
  json::array all;
  for (const auto& mount : mounts)
    all.push_back({{kind_of_id(mount.volume.text) == Kind::database ? "database_id" : "volume_id", mount.volume.text},
                   {"path", mount.path},
                   {"read_only", mount.read_only}});
  return all;
}

json::array render(const std::vector<std::string>& list) { return json::array(list.begin(), list.end()); }

/// Values of an environment are often secrets, so no body shows them.
json::array names_of(const std::map<std::string, std::string>& env) {
  json::array names;
  for (const auto& [key, value] : env) names.emplace_back(key);
  return names;
}

}  // namespace

json::object render(const Sandbox& sandbox) {
  return {{"id", sandbox.resource.id.text},
          {"name", sandbox.resource.name},
          {"workspace", sandbox.resource.workspace.text},
          {"state", name(sandbox.resource.state)},
          {"generation", sandbox.resource.generation},
          {"image", {{"name", sandbox.spec.image}, {"digest", sandbox.spec.image_digest}}},
          {"labels", render_map(sandbox.resource.labels)},
          {"resources", render(sandbox.spec.resources)},
          {"env", names_of(sandbox.spec.env)},
          {"workdir", sandbox.spec.workdir},
          {"exclude", render(sandbox.spec.exclude)},
          {"network", name(sandbox.spec.network)},
          {"standby_seconds", sandbox.spec.standby_seconds == 0 ? json::value() : sandbox.spec.standby_seconds},
          {"power", "awake"},
          {"mounts", render(sandbox.mounts)},
          {"restored_from", text_or_null(sandbox.spec.restore_from)},
          {"caveats", render(sandbox.caveats)},
          {"lifetime", render(sandbox.lifetime)},
          {"expires_at", time_or_null(sandbox.lifetime.expires_at)},
          {"last_activity_at", format(sandbox.lifetime.active_at)},
          {"last_activity", name(sandbox.lifetime.active_by)},
          {"created_at", format(sandbox.resource.created_at)},
          {"updated_at", format(sandbox.resource.updated_at)},
          {"started_at", time_or_null(sandbox.started_at)},
          {"deleted_at", time_or_null(sandbox.resource.deleted_at)},
          {"ended", render(sandbox.ending)},
          {"error", render_trouble(sandbox.work)},
          {"cleanup_task_id", text_or_null(sandbox.cleanup_task)}};
}

json::object render(const Volume& volume) {
  return {{"id", volume.resource.id.text},
          {"name", volume.resource.name},
          {"workspace", volume.resource.workspace.text},
          {"state", name(volume.resource.state)},
          {"size_mb", volume.size_mb},
          {"labels", render_map(volume.resource.labels)},
          {"restored_from", text_or_null(volume.restored_from.text)},
          {"caveats", render(volume.caveats)},
          {"expires_at", time_or_null(volume.lifetime.expires_at)},
          {"created_at", format(volume.resource.created_at)},
          {"updated_at", format(volume.resource.updated_at)},
          {"deleted_at", time_or_null(volume.resource.deleted_at)},
          {"cleanup_task_id", text_or_null(volume.cleanup_task)}};
}

json::object render(const Task& task) {
  return {{"id", task.id.text},
          {"root_id", task.root.text},
          {"parent_id", text_or_null(task.parent.text)},
          {"workspace_id", task.workspace.text},
          {"source_event_id", text_or_null(task.source.text)},
          {"resource_type", name(task.verb)},
          {"resource_id", task.resource.text},
          {"stage", task.stage},
          {"metadata", render_map(task.metadata)},
          {"status", name(status_of(task.phase))},
          {"phase", name(task.phase)},
          {"attempts", task.work.attempts},
          {"last_error", trouble_or_null(task.work.last_error)},
          {"error_code", text_or_null(task.work.error_code)},
          {"next_attempt_at", time_or_null(task.work.next_attempt_at)},
          {"created_at", format(task.created_at)},
          {"started_at", time_or_null(task.started_at)},
          {"completed_at", time_or_null(task.completed_at)}};
}

json::object render(const Archive& archive) {
  const bool volume = of_volume(archive);
  return {{"id", archive.resource.id.text},
          {"state", name(archive.resource.state)},
          {"sandbox_id", text_or_null(volume ? "" : archive.sandbox.text)},
          {"sandbox_name", text_or_null(volume ? "" : archive.sandbox_name)},
          {"volume_id", text_or_null(volume ? archive.sandbox.text : "")},
          {"volume_name", text_or_null(volume ? archive.sandbox_name : "")},
          {"generation", archive.generation},
          {"image", volume ? json::value()
                           : json::value{{"name", archive.spec.image}, {"digest", archive.spec.image_digest}}},
          {"manifest_digest", text_or_null(archive.content.digest)},
          {"entries", archive.content.entries},
          {"content_bytes", archive.content.content_bytes},
          {"stored_bytes", archive.stored_bytes},
          {"left_out", archive.content.left_out},
          {"created_at", format(archive.resource.created_at)},
          {"verified_at", time_or_null(archive.verified_at)},
          {"verify_error", trouble_or_null(archive.verify_error)},
          {"expires_at", time_or_null(archive.lifetime.expires_at)}};
}

json::object render(const Event& event) {
  return {{"id", event.id.text},       {"type", event.type},
          {"subject_id", event.subject.text}, {"workspace_id", event.workspace.text},
          {"actor", event.actor},      {"request_id", text_or_null(event.request_id)},
          {"data", render_data(event.data)},   {"at", format(event.at)}};
}

json::object render(const ImageRecord& image) {
  return {{"name", image.name},
          {"digest", image.digest},
          {"bytes", image.bytes},
          {"workdir", image.workdir},
          {"created_at", format(image.created_at)}};
}

}  // namespace mayfly::api::native
