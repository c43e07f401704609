#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/local_files.h"

namespace mayfly::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds no_timeout{
    0};  // a large file takes its time; a stalled peer is the server's to cut

/// What has been copied so far, and what could not be.
struct Tally {
  std::uint64_t files = 0, folders = 0, bytes = 0;
  json::array left_out;
};

std::string file_path(const Place& place, const char* verb, Query query = {}) {
  query.insert(query.begin(), {"path", place.path});
  return path_to("/v1/sandboxes", {place.sandbox, "files", verb}, query);
}

Place inside(const Place& folder, const std::string& name) {
  return {folder.sandbox, folder.path + (folder.path.ends_with('/') ? "" : "/") + name};
}

Status make_folder(Session& session, const Place& place) {
  TRY(session.api.send("make the folder " + place.path, "POST",
                       path_to("/v1/sandboxes", {place.sandbox, "files", "mkdir"}),
                       {{"path", place.path}, {"parents", true}}));
  return {};
}

Status upload(Session& session, int from, const std::string& name, unsigned mode, const Place& to, Tally& tally) {
  char octal[8];
  std::snprintf(octal, sizeof octal, "%04o", mode & 0777);
  http::ClientRequest request{
      .method = "PUT", .path = file_path(to, "content", {{"mode", octal}}), .timeout = no_timeout};
  request.headers = {{"Content-Type", "application/octet-stream"}};
  // No length is promised: the file may change while it is read.
  request.upload = [&](std::span<char> room) {
    ssize_t count = 0;
    do count = ::read(from, room.data(), room.size());
    while (count < 0 && errno == EINTR);
    if (count < 0) throw std::runtime_error(errno_error(errno, "read " + name).message);
    tally.bytes += static_cast<std::uint64_t>(count);
    return static_cast<std::size_t>(count);
  };
  TRY(session.api.call("copy " + name + " to " + to.path, request));
  ++tally.files;
  return {};
}

Status upload_file(Session& session, const fs::path& from, const Place& to, Tally& tally) {
  const int fd = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return tl::unexpected(errno_error(errno, "cannot read " + from.string()));
  struct stat info{};
  const bool known = ::fstat(fd, &info) == 0;
  const auto done = upload(session, fd, from.string(), known ? info.st_mode : 0644, to, tally);
  ::close(fd);
  return done;
}

Status upload_folder(Session& session, const fs::path& from, const Place& to, Tally& tally) {
  TRY(make_folder(session, to));
  ++tally.folders;
  std::error_code trouble;
  for (fs::recursive_directory_iterator at(from, trouble), end; !trouble && at != end; at.increment(trouble)) {
    const auto place = inside(to, fs::path(at->path()).lexically_relative(from).generic_string());
    const auto kind = at->symlink_status(trouble).type();
    if (kind == fs::file_type::directory) {
      TRY(make_folder(session, place));
      ++tally.folders;
    } else if (kind == fs::file_type::regular) {
      TRY(upload_file(session, at->path(), place, tally));
    } else {
      tally.left_out.emplace_back(at->path().string());
    }
  }
  if (trouble) return fail(Code::internal, "cannot read the folder " + from.string() + ": " + trouble.message());
  return {};
}

Status download(Session& session, const Place& from, const fs::path& to, unsigned mode, Tally& tally) {
  auto file = TRY(NewFile::beside(to));
  http::ClientRequest request{.path = file_path(from, "content"), .timeout = no_timeout};
  request.download = [&](std::string_view piece) { return file.write(piece); };
  TRY(session.api.call("copy " + from.path + " from " + from.sandbox, request));
  tally.bytes += file.size();
  ++tally.files;
  return file.keep(mode);
}

Status print_file(Session& session, const Place& from) {
  http::ClientRequest request{.path = file_path(from, "content"), .timeout = no_timeout};
  request.download = [&](std::string_view piece) { return session.out.write(piece); };
  TRY(session.api.call("read " + from.path + " of " + from.sandbox, request));
  return {};
}

unsigned mode_of(const json::object& file) {
  return static_cast<unsigned>(std::strtoul(text_at(file, "mode").c_str(), nullptr, 8)) & 0777;
}

Status local_folder(const fs::path& folder, Tally& tally) {
  std::error_code trouble;
  fs::create_directories(folder, trouble);
  if (trouble) return fail(Code::internal, "cannot make the folder " + folder.string() + ": " + trouble.message());
  ++tally.folders;
  return {};
}

Status download_folder(Session& session, const Place& from, const fs::path& to, Tally& tally) {
  const auto tree = TRY(session.api.get("list " + from.path + " of " + from.sandbox, file_path(from, "tree")));
  if (flag_at(tree.body, "cut"))
    return fail(Code::too_large, from.path + " holds more entries than one listing shows; copy its folders one by one");
  TRY(local_folder(to, tally));
  for (const auto& value : array_at(tree.body, "items")) {
    const auto& entry = value.as_object();
    const auto name = text_at(entry, "name");
    const auto type = text_at(entry, "type");
    const auto place = TRY(below(to, name));
    if (type == "folder") TRY(local_folder(place, tally));
    else if (type == "file") TRY(download(session, inside(from, name), place, mode_of(entry), tally));
    else tally.left_out.emplace_back(name);
  }
  return {};
}

Status copy_in(Session& session, const Place& from, Place to, Tally& tally) {
  const auto there = session.api.get("look at " + to.path + " of " + to.sandbox, file_path(to, "stat"));
  if (!there && there.error().code != Code::not_found) return tl::unexpected(there.error());
  if (!there && there.error().reason == "sandbox_not_found") return tl::unexpected(there.error());
  const bool is_folder = to.path.ends_with('/') || (there && text_at(there->body, "type") == "folder");
  if (from.is_stream()) {
    if (is_folder) return fail(Code::invalid, to.path + " is a folder; name the file that stdin is to become");
    return upload(session, STDIN_FILENO, "stdin", 0644, to, tally);
  }
  if (is_folder) to = inside(to, base_name(from.path));
  std::error_code trouble;
  const auto kind = fs::status(from.path, trouble).type();
  if (kind == fs::file_type::directory) return upload_folder(session, from.path, to, tally);
  return upload_file(session, from.path, to, tally);
}

Status copy_out(Session& session, const Place& from, const Place& to, Tally& tally) {
  if (to.is_stream()) return print_file(session, from);
  const auto there = TRY(session.api.get("look at " + from.path + " of " + from.sandbox, file_path(from, "stat")));
  std::error_code ignored;
  fs::path target = to.path;
  if (to.path.ends_with('/') || fs::is_directory(target, ignored)) target /= base_name(from.path);
  if (text_at(there.body, "type") == "folder") return download_folder(session, from, target, tally);
  return download(session, from, target, text_at(there.body, "type") == "file" ? mode_of(there.body) : 0644, tally);
}

void tell(Session& session, const Tally& tally) {
  if (session.json) {
    const json::object summary = {{"files", tally.files}, {"folders", tally.folders}, {"bytes", tally.bytes},
                                  {"left_out", tally.left_out}};
    session.out.line(boost::json::serialize(summary));
    return;
  }
  for (const auto& name : tally.left_out)
    note(session, "left out, since it is neither a file nor a folder: " + std::string(name.as_string()));
}

}  // namespace

Result<int> copy(Session& session, const std::string& from_text, const std::string& to_text) {
  const auto from = parse_place(from_text);
  const auto to = parse_place(to_text);
  if (from.is_remote() == to.is_remote())
    return fail(Code::invalid, "cp: exactly one of the two must be in a sandbox, as SANDBOX:/path; got \"" + from_text +
                                   "\" and \"" + to_text + "\"");
  Tally tally;
  TRY(to.is_remote() ? copy_in(session, from, to, tally) : copy_out(session, from, to, tally));
  if (!to.is_stream()) tell(session, tally);
  return exit_ok;
}

}  // namespace mayfly::cli
