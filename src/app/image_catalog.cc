#include "app/image_catalog.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace mayfly {

namespace {

constexpr std::string_view builtin_name = "busybox";

}  // namespace

Status check_image_name(std::string_view name) {
  const bool shaped = !name.empty() && name.size() <= 128 && std::isalnum(static_cast<unsigned char>(name.front())) &&
                      std::all_of(name.begin(), name.end(), [](unsigned char c) {
                        return std::isalnum(c) || std::string_view("._/:-").find(char(c)) != std::string_view::npos;
                      });
  if (shaped && !name.starts_with("sha256:")) return {};
  return tl::unexpected(
      Error{Code::invalid, "an image name has 1 to 128 letters, digits and ._/:- and begins with a letter or digit",
            "name_invalid",
            {{"name", "1 to 128 letters, digits and ._/:-, the first a letter or digit",
              "\"" + std::string(name.substr(0, 140)) + "\""}}});
}

Status ImageCatalog::ensure_builtin() {
  std::lock_guard guard(files_);
  const auto image = images_.builtin_busybox();
  if (!image) {
    // The one from an earlier start will do: a full disk must not keep the server, and so its deletes, from starting.
    const auto known = TRY(store_.read([](Transaction& t) { return t.images().find(std::string(builtin_name)); }));
    if (known && image.error().code == Code::no_space) return {};
    return tl::unexpected(image.error());
  }
  TRY(record(*image, std::string(builtin_name)));
  return {};
}

Result<std::vector<ImageRecord>> ImageCatalog::list(const Caller& caller) {
  TRY(require(caller, Role::reader));
  return store_.read([&](Transaction& t) { return t.images().list(); });
}

Result<ImageRecord> ImageCatalog::import(const Caller& caller, const std::string& path, const std::string& name) {
  TRY(require(caller, Role::admin));
  TRY(check_image_name(name));
  std::lock_guard guard(files_);
  return record(TRY(images_.import(path)), name);
}

Result<ImageRecord> ImageCatalog::record(const Image& image, const std::string& name) {
  return store_.write([&](Transaction& t) -> Result<ImageRecord> {
    ImageRecord row{name, image.digest, image.bytes, image.env, image.workdir, t.now()};
    if (const auto known = TRY(t.images().find(name)); known && known->digest == image.digest) return *known;
    TRY(t.images().put(row));
    return row;
  });
}

Status ImageCatalog::alias(const std::string& name, const std::string& target) {
  TRY(check_image_name(name));
  return store_.write([&](Transaction& t) -> Status {
    auto row = TRY(t.images().find(target));
    if (!row)
      return fail(Code::not_found, "[images] " + name + " = \"" + target + "\": no image \"" + target + "\" here",
                  "image_not_found");
    if (const auto known = TRY(t.images().find(name)); known && known->digest == row->digest) return {};
    row->name = name;
    row->created_at = t.now();
    return t.images().put(*row);
  });
}

Status ImageCatalog::remove(const Caller& caller, const std::string& name) {
  TRY(require(caller, Role::admin));
  if (name == builtin_name)
    return fail(Code::conflict,
                "image " + name + " is the built-in one: it would be back at the next start, and a sandbox that names "
                "no image is made of it",
                "image_builtin");
  std::lock_guard guard(files_);
  TRY(store_.write([&](Transaction& t) -> Status {
    const auto row = TRY(t.images().find(name));
    if (!row || row->name != name)
      return fail(Code::not_found, "no image \"" + name.substr(0, 120) + "\" here", "image_not_found");
    std::size_t names = 0;
    for (const auto& other : TRY(t.images().list())) names += other.digest == row->digest;
    if (names == 1 && TRY(t.sandboxes().uses_image(row->digest)))
      return fail(Code::conflict, "image " + name + " is used by a sandbox", "image_in_use");
    if (names == 1 && TRY(t.archives().needs_image(row->digest)))
      return fail(Code::conflict, "image " + name + " is the base of an archive: without it that cannot be restored",
                  "image_in_use");
    return t.images().remove(name);
  }));
  return collect_garbage_locked();
}

Status ImageCatalog::collect_garbage() {
  std::lock_guard guard(files_);
  return collect_garbage_locked();
}

Status ImageCatalog::collect_garbage_locked() {
  for (const auto& image : TRY(images_.list())) {
    const bool needed = TRY(store_.read([&](Transaction& t) -> Result<bool> {
      for (const auto& row : TRY(t.images().list()))
        if (row.digest == image.digest) return true;
      return TRY(t.sandboxes().uses_image(image.digest)) || TRY(t.archives().needs_image(image.digest));
    }));
    if (!needed) TRY(images_.remove(image.digest));
  }
  return {};
}

}  // namespace mayfly
