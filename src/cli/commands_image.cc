#include <filesystem>
#include <fstream>
#include <thread>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/progress.h"
#include "cli/sandbox_body.h"
#include "cli/table.h"

namespace mayfly::cli {

namespace {

constexpr const char* path = "/v1/images";
constexpr std::chrono::milliseconds no_timeout{0};   // images are as long as they are
constexpr std::chrono::minutes import_timeout{30};
constexpr auto build_look = std::chrono::milliseconds(300);

std::string line_of(const json::object& image) {
  return text_at(image, "name") + "  " + text_at(image, "digest") + "  " + bytes(number_at(image, "bytes")) + "\n";
}

/// The bytes go to the server, which may be another machine.
Result<Answer> upload(Session& session, const std::string& file, const std::string& name) {
  std::ifstream tar(file, std::ios::binary);
  std::error_code trouble;
  const auto size = std::filesystem::file_size(file, trouble);
  if (!tar || trouble) return fail(Code::invalid, "import " + file + ": it cannot be read");
  Progress progress(session, "upload " + std::filesystem::path(file).filename().string());
  std::uint64_t sent = 0;
  http::ClientRequest request{.method = "POST", .path = path_to(path, {}, {{"name", name}}), .timeout = no_timeout};
  request.headers = {{"Content-Type", "application/octet-stream"}};
  request.upload_length = size;
  request.upload = [&](std::span<char> room) {
    tar.read(room.data(), static_cast<std::streamsize>(room.size()));
    sent += static_cast<std::uint64_t>(tar.gcount());
    progress.bytes(sent, size);
    return static_cast<std::size_t>(tar.gcount());
  };
  return read_answer("import " + file, TRY(session.api.call("import " + file, request)));
}

/// Follows a build to its end, showing what its tools say.
Result<Answer> follow(Session& session, const std::string& build) {
  Progress progress(session, "build " + build);
  for (;; std::this_thread::sleep_for(build_look)) {
    auto answer = TRY(session.api.get("follow image build " + build, path_to(path, {"builds", build})));
    const auto state = text_at(answer.body, "state");
    if (state == "succeeded") return answer;
    if (state == "failed") {
      const auto& error = object_at(answer.body, "error");
      return tl::unexpected(Error{Code::internal, "image build " + build + " failed: " + text_at(error, "message"),
                                  text_at(error, "code"), {}});
    }
    const auto& said = array_at(answer.body, "progress");
    progress.says(said.empty() || !said.back().is_string() ? state : std::string(said.back().get_string()));
  }
}

}  // namespace

Result<int> list_images(Session& session) {
  const auto answer = TRY(session.api.get("list images", path));
  Table table({{"NAME"}, {"DIGEST", 19}, {"SIZE", 0, true}, {"SANDBOXES", 0, true}, {"ARCHIVES", 0, true},
               {"CREATED"}});
  const auto now = wall_now();
  for (const auto& value : array_at(answer.body, "items")) {
    const auto& image = value.as_object();
    const auto name = text_at(image, "name");
    const auto& used = object_at(image, "used_by");
    table.add({name.empty() ? Cell("(no name)", Tone::faint) : Cell(name), text_at(image, "digest"),
               bytes(number_at(image, "bytes")), text_at(used, "sandboxes"), text_at(used, "archives"),
               relative(time_at(image, "created_at"), now)});
  }
  show_list(session, {array_at(answer.body, "items"), false}, table.render(session.out.paper()), false);
  return exit_ok;
}

Result<int> import_image(Session& session, const ImageOptions& options) {
  std::error_code trouble;
  if (!options.on_server && std::filesystem::is_regular_file(options.path, trouble)) {
    const auto answer = TRY(upload(session, options.path, options.name));
    show(session, answer, line_of(answer.body));
    return exit_ok;
  }
  const auto absolute = std::filesystem::absolute(options.path, trouble).lexically_normal().string();
  const auto answer = TRY(session.api.send("import " + options.path, "POST", path,
                                           {{"path", absolute}, {"name", options.name}}, import_timeout));
  show(session, answer, line_of(answer.body));
  return exit_ok;
}

Result<int> build_image(Session& session, const ImageOptions& options) {
  json::object body = {{"from", options.from}};
  if (!options.name.empty()) body["name"] = options.name;
  if (!options.release.empty()) body["release"] = options.release;
  json::array packages;
  for (const auto& package : options.packages) packages.emplace_back(package);
  if (!packages.empty()) body["packages"] = std::move(packages);
  const auto accepted = TRY(session.api.send("build an image", "POST", path_to(path, {"builds"}), body));
  const auto id = text_at(accepted.body, "id");
  if (options.no_wait) {
    show(session, accepted, id + "  " + text_at(accepted.body, "state") + "  " + text_at(accepted.body, "name") + "\n");
    return exit_ok;
  }
  const auto built = TRY(follow(session, id));
  show(session, built, line_of(built.body));
  return exit_ok;
}

Result<int> remove_image(Session& session, const std::string& name) {
  const auto answer = TRY(session.api.send("remove image " + name, "DELETE", path_to(path, {name})));
  const auto task = text_at(answer.body, "cleanup_task_id");
  show(session, answer, "removed " + text_at(answer.body, "removed") + (task.empty() ? "" : "  " + task) + "\n");
  return exit_ok;
}

Result<int> collect_images(Session& session, const ImageOptions& options) {
  json::object body = {{"dry_run", options.dry_run}};
  if (!options.grace.empty()) body["grace_seconds"] = TRY(seconds_of("--grace", options.grace));
  const auto answer = TRY(session.api.send("collect images", "POST", path_to(path, {"gc"}), body));
  const auto& items = array_at(answer.body, "items");
  Table table({{"DIGEST", 19}, {"SIZE", 0, true}, {"WITHOUT A NAME SINCE"}, {"CLEANUP TASK"}});
  double freed = 0;
  for (const auto& value : items) {
    const auto& image = value.as_object();
    freed += number_at(image, "bytes").value_or(0);
    table.add({text_at(image, "digest"), bytes(number_at(image, "bytes")),
               relative(time_at(image, "unnamed_at"), wall_now()), text_at(image, "cleanup_task_id")});
  }
  show(session, answer, items.empty() ? "" : table.render(session.out.paper()));
  if (!session.json)
    note(session, std::to_string(items.size()) + " images (" + bytes(freed) + ") " +
                      (options.dry_run ? "would be deleted; nothing was done" : "are being deleted"));
  return exit_ok;
}

}  // namespace mayfly::cli
