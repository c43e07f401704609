#include "api/native/archive_body.h"

#include "api/native/handler.h"

namespace mayfly::api::native {

namespace {

// The longest line of a manifest: a path, a target and extended attributes, each byte of them as %XX at worst.
constexpr std::size_t longest_line = 8 << 20;

class Content : public http::BodySource {
 public:
  explicit Content(std::unique_ptr<Source> source) : source_(std::move(source)) {}
  Result<std::size_t> read(std::span<char> room) override { return source_->read(room); }

 private:
  std::unique_ptr<Source> source_;
};

/// The lines of a source, one at a time.
class Lines {
 public:
  explicit Lines(std::unique_ptr<Source> source) : source_(std::move(source)) {}

  /// Without its newline, good until the next call; nothing at the end.
  Result<std::optional<std::string_view>> next() {
    for (;;) {
      const auto end = text_.find('\n', begin_);
      if (end != std::string::npos) {
        const auto line = std::string_view(text_).substr(begin_, end - begin_);
        begin_ = end + 1;
        consumed_ += static_cast<std::int64_t>(line.size()) + 1;
        return std::optional(line);
      }
      text_.erase(0, begin_);
      begin_ = 0;
      if (text_.size() > longest_line) return fail(Code::internal, "a line of the manifest does not end");
      const auto old = text_.size();
      text_.resize(old + (64 << 10));
      const auto count = TRY(source_->read(std::span(text_).subspan(old)));
      text_.resize(old + count);
      if (count == 0) return std::optional<std::string_view>();
    }
  }
  std::int64_t consumed() const { return consumed_; }   // bytes of the lines that were given

 private:
  std::unique_ptr<Source> source_;
  std::string text_;
  std::size_t begin_ = 0;
  std::int64_t consumed_ = 0;
};

/// A path as manifests spell it, below the archive's root: "/a/b/" is "a/b", and all of it is "".
std::string below_root(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path == "." ? std::string() : std::string(path);
}

bool lies_at(std::string_view entry, const std::string& path) {
  if (path.empty() || entry == path) return true;
  return entry.starts_with(path) && entry[path.size()] == '/';
}

Result<std::int64_t> offset_of(const http::Request& request) {
  const auto* cursor = request.query_value("cursor");
  if (!cursor) return 0;
  return query_integer(request, "cursor", 0, 0, std::int64_t{1} << 62);
}

/// One line of a manifest, as an item: its extended attributes are for the manifest itself.
Result<boost::json::object> item_of(std::string_view line) {
  auto entry = json::parse(line);
  if (!entry || !entry->is_object() || !entry->as_object().contains("path") || !entry->at("path").is_string())
    return fail(Code::invalid, "cursor is none of this list's, or the manifest is damaged", "cursor_invalid");
  auto item = std::move(entry->as_object());
  item.erase("xattrs");
  return item;
}

http::Response attachment(const Archive& archive, const std::string& ending, const std::string& type) {
  http::Response response;
  response.headers = {{"Content-Type", type},
                      {"Content-Disposition", "attachment; filename=\"" + archive.resource.id.text + ending + "\""}};
  return response;
}

}  // namespace

std::shared_ptr<http::BodySource> body_of(std::unique_ptr<Source> source) {
  return std::make_shared<Content>(std::move(source));
}

Result<http::Response> stored_tar(Services& services, const Archive& archive) {
  auto response = attachment(archive, ".tar.zst", "application/zstd");
  response.stream = body_of(TRY(services.archives.content(archive)));
  response.stream_length = static_cast<std::uint64_t>(archive.stored_bytes);
  return response;
}

Result<http::Response> plain_tar(Services& services, const Archive& archive) {
  auto response = attachment(archive, ".tar", "application/x-tar");
  response.stream = body_of(TRY(services.archives.plain_content(archive)));
  return response;
}

Result<http::Response> list_archived(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"path", "limit", "cursor"}));
  const auto limit = TRY(query_integer(request, "limit", 50, 1, 1000));
  const auto offset = TRY(offset_of(request));
  const auto* wanted = request.query_value("path");
  const auto path = wanted ? below_root(*wanted) : std::string();
  const auto archive = TRY(services.archives.get(caller, request.param("id")));
  Lines lines(TRY(services.archives.manifest(archive, offset)));
  boost::json::array items;
  // Where the next page begins: known when one more entry has been seen.
  boost::json::value next;
  for (auto before = offset; const auto line = TRY(lines.next()); before = offset + lines.consumed()) {
    auto item = TRY(item_of(*line));
    const auto& entry = item.at("path").as_string();
    if (!lies_at({entry.data(), entry.size()}, path)) continue;
    if (static_cast<std::int64_t>(items.size()) == limit) {
      next = std::to_string(before);
      break;
    }
    items.push_back(std::move(item));
  }
  return ok({{"items", std::move(items)}, {"next_cursor", std::move(next)}});
}

Result<http::Response> archived_content(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"path"}));
  const auto archive = TRY(services.archives.get(caller, request.param("id")));
  const auto* wanted = request.query_value("path");
  if (!wanted) return stored_tar(services, archive);
  const auto path = http::decode(below_root(*wanted));
  if (!path || path->empty())
    return fail(Code::invalid, "path must name a file as the manifest spells it, with %25 for a % of its name",
                "path_invalid");
  auto file = TRY(services.archives.file(archive, *path));
  http::Response response;
  response.headers = {{"Content-Type", "application/octet-stream"}};
  response.stream = body_of(std::move(file.content));
  response.stream_length = static_cast<std::uint64_t>(file.size);
  return response;
}

}  // namespace mayfly::api::native
