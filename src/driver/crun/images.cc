#include "driver/crun/images.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "driver/crun/image_formats.h"
#include "json/reader.h"
#include "os/file.h"
#include "os/hash.h"

namespace mayfly {

using namespace crun;

namespace {

/// A folder for work in progress, removed with all in it unless it was moved away.
class WorkFolder {
 public:
  static Result<WorkFolder> make(const std::string& parent) {
    auto path = parent + "/" + std::string(image_in_work) + "XXXXXX";
    if (!::mkdtemp(path.data())) return tl::unexpected(errno_error(errno, "make a folder in " + parent));
    ::chmod(path.c_str(), 0755);
    return WorkFolder(std::move(path));
  }
  WorkFolder(WorkFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  WorkFolder& operator=(WorkFolder&&) = delete;
  ~WorkFolder() {
    if (!path_.empty()) (void)os::remove_tree(path_);
  }
  const std::string& path() const { return path_; }

 private:
  explicit WorkFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

std::string describe(const Image& image) {
  json::object env;
  for (const auto& [key, text] : image.env) env[key] = text;
  return boost::json::serialize(json::object{{"env", env}, {"workdir", image.workdir}, {"bytes", image.bytes}});
}

}  // namespace

Result<Image> crun::read_image(const std::string& folder) {
  const auto text = TRY(os::read_file(folder + "/image.json"));
  json::Reader reader(text);
  Image image;
  image.digest = "sha256:" + folder.substr(folder.rfind('/') + 1);
  constexpr json::TextLimits any{.max = 1 << 20};
  image.env = reader.optional_string_map("env", 100'000, any).value_or(image.env);
  image.workdir = reader.string("workdir", any);
  image.bytes = reader.integer("bytes");
  const auto whole = reader.finish();
  if (!whole) return tl::unexpected(in_context("read " + folder + "/image.json", whole.error()));
  return image;
}

ImageFolder::ImageFolder(ImageOptions options) : options_(std::move(options)), layout_{options_.data, {}} {}

Result<std::unique_ptr<ImageFolder>> ImageFolder::open(ImageOptions options) {
  std::unique_ptr<ImageFolder> folder(new ImageFolder(std::move(options)));
  const auto images = folder->layout_.images();
  TRY(os::make_folders(folder->options_.data, 0700));
  TRY(os::make_folders(images, 0711));
  for (const auto& name : TRY(os::list_folder(images)))
    if (name.starts_with('.')) TRY(os::remove_tree(images + "/" + name));
  return folder;
}

Result<Image> ImageFolder::builtin_busybox() {
  const auto work = TRY(WorkFolder::make(layout_.images()));
  TRY(make_busybox_rootfs(options_.busybox, work.path() + "/rootfs"));
  return keep(work.path(), {});
}

Result<Image> ImageFolder::import(const std::string& path) {
  const auto work = TRY(WorkFolder::make(layout_.images()));
  auto settings = unpack_image(path, work.path(), {options_.most_bytes, options_.most_entries, options_.keep_free});
  if (!settings) return tl::unexpected(in_context("import image " + path, settings.error()));
  Image image;
  image.env = std::move(settings->env);
  image.workdir = std::move(settings->workdir);
  return keep(work.path(), std::move(image));
}

/// Gives the finished work its name. Two imports of one content end in one folder.
Result<Image> ImageFolder::keep(const std::string& work, Image image) {
  TRY(prepare_rootfs(work + "/rootfs"));
  const auto rootfs = TRY(os::open(work + "/rootfs", O_RDONLY | O_DIRECTORY));
  // Two images of the same files that start programs differently are two images.
  const auto hex = os::sha256_hex(TRY(tree_digest(work + "/rootfs")) + "\n" + describe(image));
  image.digest = "sha256:" + hex;
  image.bytes = TRY(os::disk_usage(rootfs.get()));
  TRY(os::write_file(work + "/image.json", describe(image)));
  if (::syncfs(rootfs.get()) != 0) return tl::unexpected(errno_error(errno, "sync " + work));
  FAILPOINT("images.keep.before_move");
  const auto place = layout_.images() + "/" + hex;
  if (::renameat2(AT_FDCWD, work.c_str(), AT_FDCWD, place.c_str(), RENAME_NOREPLACE) != 0 && errno != EEXIST)
    return tl::unexpected(errno_error(errno, "move " + work + " to " + place));
  FAILPOINT("images.keep.after_move");
  TRY(os::sync_folder(layout_.images()));
  return read_image(place);
}

Result<std::vector<Image>> ImageFolder::list() {
  std::vector<Image> images;
  for (const auto& name : TRY(os::list_folder(layout_.images())))
    if (digest_hex("sha256:" + name)) images.push_back(TRY(read_image(layout_.images() + "/" + name)));
  return images;
}

Status ImageFolder::remove(const std::string& digest) {
  const auto hex = digest_hex(digest);
  if (!hex) return fail(Code::invalid, "remove image '" + digest + "': no sha256 digest");
  // The name goes first and at once: half an image must never be found under it.
  const auto gone = layout_.images() + "/" + std::string(image_going) + *hex;
  if (::rename((layout_.images() + "/" + *hex).c_str(), gone.c_str()) != 0 && errno != ENOENT)
    return tl::unexpected(errno_error(errno, "remove image " + digest));
  FAILPOINT("images.remove.after_move");
  TRY(os::remove_tree(gone));
  return os::sync_folder(layout_.images());
}

}  // namespace mayfly
