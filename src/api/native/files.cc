#include "api/native/handler.h"
#include "api/native/routes.h"
#include "json/bytes.h"

namespace mayfly::api::native {

namespace {

// Read before the head of an answer is sent.
constexpr std::size_t first_piece = 64 << 10;

Result<std::string> path_of(const http::Request& request) {
  const auto* path = request.query_value("path");
  if (!path || path->empty()) return fail(Code::invalid, "the query needs path=/absolute/path", "path_missing");
  return *path;
}

/// A name is bytes. One that is not UTF-8 is shown as text, and given as it is in a member beside that.
void put_name(boost::json::object& object, const std::string& member, const std::string& bytes) {
  const auto text = json::as_text(bytes);
  object[member] = text;
  if (text != bytes) object[member + "_bytes"] = json::base64(bytes);
}

boost::json::object render(const FileInfo& file) {
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", file.mode);
  boost::json::object object;
  put_name(object, "name", file.name);
  object["type"] = name(file.type);
  object["size"] = file.size;
  object["mode"] = mode;
  object["uid"] = file.uid;
  object["gid"] = file.gid;
  object["modified_at"] = format(wall_time(file.mtime_us));
  if (file.type == FileInfo::Type::link) put_name(object, "target", file.target);
  return object;
}

http::Response render(const FileList& list) {
  boost::json::array items;
  for (const auto& entry : list.entries) items.push_back(render(entry));
  return ok({{"items", std::move(items)}, {"cut", list.cut}});
}

struct Range {
  std::int64_t offset = 0;
  std::int64_t length = -1;   // < 0: the whole file
};

class Download : public http::BodySource {
 public:
  /// With its first bytes: what cannot be read is refused with a status, and not cut after one.
  static Result<std::shared_ptr<Download>> begin(std::unique_ptr<Source> source) {
    std::string first(first_piece, '\0');
    first.resize(TRY(source->read(first)));
    return std::make_shared<Download>(std::move(source), std::move(first));
  }
  Download(std::unique_ptr<Source> source, std::string first) : source_(std::move(source)), first_(std::move(first)) {}

  /// Kept for as long as it lasts.
  std::shared_ptr<void> place;

  Result<std::size_t> read(std::span<char> room) override {
    if (given_ == first_.size()) return source_->read(room);
    const auto size = first_.copy(room.data(), room.size(), given_);
    given_ += size;
    return size;
  }

 private:
  std::unique_ptr<Source> source_;
  std::string first_;
  std::size_t given_ = 0;
};

Error not_a_file(Error error) {
  error.code = Code::invalid;
  error.reason = "not_a_file";
  return error;
}

/// What kept a file from being read, when it is there: that is the file's doing, and no failure of the server.
Error unreadable(Error error) {
  if (error.message.find(": it is a ") != std::string::npos) return not_a_file(std::move(error));
  if (!error.message.starts_with("read /") || error.code == Code::denied || error.code == Code::not_found) return error;
  return {Code::conflict, error.message + "; it cannot be read there", "file_unreadable", {}};
}

Result<std::shared_ptr<Download>> open(Agent& agent, const Incarnation& to, const std::string& path, Range range) {
  return agent.read(to, path, range.offset, range.length).and_then(Download::begin).map_error(unreadable);
}

/// Busy is what a mount point is, for ever: nothing to try again.
Error standing_in_the_way(Error error) {
  if (error.code != Code::busy) return error;
  return {Code::conflict, error.message + "; a mount point, or what is below one, stays where it is", "path_busy", {}};
}

class Upload : public Source {
 public:
  explicit Upload(http::BodyReader& body) : body_(body) {}
  Result<std::size_t> read(std::span<char> room) override { return body_.read(room); }

 private:
  http::BodyReader& body_;
};

/// One range of the form bytes=A-B, bytes=A- or bytes=-N; anything else means the whole file, as RFC 9110 allows.
std::optional<Range> range_of(const std::string* header, std::int64_t size) {
  if (!header || !header->starts_with("bytes=")) return Range{0, -1};
  const auto text = std::string_view(*header).substr(6);
  const auto dash = text.find('-');
  if (dash == std::string_view::npos || text.find(',') != std::string_view::npos) return Range{0, -1};
  const auto number = [](std::string_view digits) -> std::optional<std::int64_t> {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() ? std::optional(value) : std::nullopt;
  };
  const auto first = number(text.substr(0, dash));
  const auto last = number(text.substr(dash + 1));
  if (!first && last) return Range{std::max<std::int64_t>(0, size - *last), std::min(*last, size)};
  if (!first) return Range{0, -1};
  if (*first >= size) return std::nullopt;
  const auto end = last ? std::min(*last, size - 1) : size - 1;
  if (end < *first) return Range{0, -1};
  return Range{*first, end - *first + 1};
}

/// Another content has another one: a write replaces the file and so its times.
std::string tag_of(const FileInfo& file) {
  return "\"" + std::to_string(file.mtime_us) + "-" + std::to_string(file.size) + "\"";
}

Result<http::Response> download(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"path"}));
  const auto path = TRY(path_of(request));
  const auto to = TRY(services.execution.use(caller, request.param("id"), Activity::file));
  auto place = TRY(services.execution.streams().take(caller));
  auto& agent = services.execution.agent();
  auto info = TRY(agent.stat(to, path));
  const bool sized = info.type == FileInfo::Type::file;
  if (!sized && info.type != FileInfo::Type::link)
    return tl::unexpected(
        not_a_file({Code::invalid, "cannot read " + path + ": it is a " + std::string(name(info.type)), {}, {}}));
  const auto tag = tag_of(info);
  const auto* only_if = request.header("If-Range");
  const bool ranged = sized && (!only_if || *only_if == tag);
  const auto range = ranged ? range_of(request.header("Range"), info.size) : Range{0, -1};
  if (!range) {
    http::Response refused = problem(416, "the file has " + std::to_string(info.size) + " bytes", request);
    refused.headers.emplace_back("Content-Range", "bytes */" + std::to_string(info.size));
    return refused;
  }
  http::Response response;
  response.headers = {{"Content-Type", "application/octet-stream"}, {"Accept-Ranges", "bytes"}};
  if (sized) response.headers.emplace_back("ETag", tag);
  auto content = TRY(open(agent, to, path, *range));
  content->place = std::move(place);
  response.stream = std::move(content);
  if (request.method == "HEAD" && sized) response.stream_length = static_cast<std::uint64_t>(info.size);
  // A file that is being written may end early or late, so its length is stated for ranges only.
  if (range->length >= 0) {
    response.status = 206;
    response.stream_length = static_cast<std::uint64_t>(range->length);
    response.headers.emplace_back("Content-Range", "bytes " + std::to_string(range->offset) + "-" +
                                                       std::to_string(range->offset + range->length - 1) + "/" +
                                                       std::to_string(info.size));
  }
  return response;
}

Result<std::optional<std::uint32_t>> mode_of(const http::Request& request) {
  const auto* text = request.query_value("mode");
  if (!text) return std::optional<std::uint32_t>();
  std::uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), mode, 8);
  if (error == std::errc() && end == text->data() + text->size() && mode <= 07777) return std::optional(mode);
  return fail(Code::invalid, "mode must be octal, such as 0644; got \"" + text->substr(0, 20) + "\"", "query_invalid");
}

Result<http::Response> upload(Services& services, const Caller& caller, const http::Request& request,
                              http::BodyReader& body) {
  TRY(only_query(request, {"path", "mode"}));
  const auto path = TRY(path_of(request));
  const auto mode = TRY(mode_of(request));
  const auto to = TRY(services.execution.use(caller, request.param("id"), Activity::file));
  const auto place = TRY(services.execution.streams().take(caller));
  Upload content(body);
  TRY(services.execution.agent().write(to, path, mode, content).map_error(standing_in_the_way));
  return ok(render(TRY(services.execution.agent().stat(to, path))), 201);
}

Result<http::Response> look(
    Services& services, const Caller& caller, const http::Request& request,
    const std::function<Result<http::Response>(Agent&, const Incarnation&, const std::string&)>& at) {
  TRY(only_query(request, {"path"}));
  const auto path = TRY(path_of(request));
  const auto to = TRY(services.execution.look(caller, request.param("id")));
  return at(services.execution.agent(), to, path);
}

Result<http::Response> make_folder(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  const auto path = reader.string("path", {.min = 1, .max = 4096});
  const bool parents = reader.optional_bool("parents").value_or(false);
  TRY(reader.finish());
  const auto to = TRY(services.execution.use(caller, request.param("id"), Activity::file));
  TRY(services.execution.agent().mkdir(to, path, parents));
  return ok(render(TRY(services.execution.agent().stat(to, path))), 201);
}

Result<http::Response> move(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  const auto from = reader.string("from", {.min = 1, .max = 4096});
  const auto path = reader.string("to", {.min = 1, .max = 4096});
  TRY(reader.finish());
  const auto to = TRY(services.execution.use(caller, request.param("id"), Activity::file));
  TRY(services.execution.agent().move(to, from, path).map_error(standing_in_the_way));
  return ok(render(TRY(services.execution.agent().stat(to, path))));
}

Result<http::Response> remove(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"path", "recursive"}));
  const auto path = TRY(path_of(request));
  const bool recursive = TRY(query_flag(request, "recursive", false));
  const auto to = TRY(services.execution.use(caller, request.param("id"), Activity::file));
  TRY(services.execution.agent().remove(to, path, recursive).map_error(standing_in_the_way));
  return ok({{"removed", json::as_text(path)}});
}

}  // namespace

void add_file_routes(http::Router& router, Services& services) {
  const std::string base = "/v1/sandboxes/{id}/files/";
  const auto with = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  const auto looking = [&](auto at) {
    return blocking(services, [&services, at](const Caller& caller, const http::Request& request) {
      return look(services, caller, request, at);
    });
  };
  router.add({"GET", base + "content", with(download), 1 << 20, true});
  router.add({"PUT", base + "content",
              http::StreamingHandler([&services](const http::Request& request, http::BodyReader& body) {
                const auto caller = authenticate(services.access, request);
                if (!caller) return problem(caller.error(), request.id);
                // The same bytes again are the same file: a key is only checked, and nothing is remembered.
                const auto once = once_of(services, *caller, request);
                if (!once) return problem(once.error(), request.id);
                return answer(upload(services, *caller, request, body), request);
              })});
  router.add({"DELETE", base + "content", with(remove)});
  router.add({"GET", base + "stat",
              looking([](Agent& agent, const Incarnation& to, const std::string& path) -> Result<http::Response> {
                return ok(render(TRY(agent.stat(to, path))));
              })});
  router.add({"GET", base + "list",
              looking([](Agent& agent, const Incarnation& to, const std::string& path) -> Result<http::Response> {
                return render(TRY(agent.list(to, path)));
              })});
  router.add({"GET", base + "tree",
              looking([](Agent& agent, const Incarnation& to, const std::string& path) -> Result<http::Response> {
                return render(TRY(agent.tree(to, path)));
              })});
  router.add({"POST", base + "mkdir", with(make_folder)});
  router.add({"POST", base + "move", with(move)});
}

}  // namespace mayfly::api::native
