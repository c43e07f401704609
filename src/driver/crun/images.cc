#include "driver/crun/images.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "driver/crun/debian.h"
#include "driver/crun/image_formats.h"
#include "json/reader.h"
#include "os/file.h"
#include "os/hash.h"

namespace mayfly {

using namespace crun;

namespace {

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

namespace {

// What a killed build still writes for a moment must not keep its folder.
constexpr int remove_tries = 50;
constexpr auto between_tries = std::chrono::milliseconds(100);

/// A folder for work in progress, removed with all in it unless it was moved to its name.
class Draft : public ImageDraft {
 public:
  static Result<std::unique_ptr<Draft>> make(const std::string& images) {
    auto path = images + "/" + std::string(image_in_work) + "XXXXXX";
    if (!::mkdtemp(path.data())) return tl::unexpected(errno_error(errno, "make a folder in " + images));
    ::chmod(path.c_str(), 0755);
    FAILPOINT("images.draft.made");
    return std::unique_ptr<Draft>(new Draft(images, std::move(path)));
  }
  ~Draft() override {
    for (int i = 0; i < remove_tries && !os::remove_tree(work_); ++i) std::this_thread::sleep_for(between_tries);
  }

  const std::string& work() const { return work_; }
  std::string rootfs() const { return work_ + "/rootfs"; }
  void apply(ImageSettings settings) {
    image_.env = std::move(settings.env);
    image_.workdir = std::move(settings.workdir);
  }

  /// Gives the finished work its name. Two drafts of one content end in one folder.
  Result<Image> keep() override {
    TRY(prepare_rootfs(rootfs()));
    TRY(ensure_workdir(rootfs(), image_.workdir));
    const auto root = TRY(os::open(rootfs(), O_RDONLY | O_DIRECTORY));
    // Two images of the same files that start programs differently are two images.
    const auto hex = os::sha256_hex(TRY(tree_digest(rootfs())) + "\n" + describe(image_));
    image_.digest = "sha256:" + hex;
    image_.bytes = TRY(os::disk_usage(root.get()));
    TRY(os::write_file(work_ + "/image.json", describe(image_)));
    if (::syncfs(root.get()) != 0) return tl::unexpected(errno_error(errno, "sync " + work_));
    FAILPOINT("images.keep.before_move");
    const auto place = images_ + "/" + hex;
    if (::renameat2(AT_FDCWD, work_.c_str(), AT_FDCWD, place.c_str(), RENAME_NOREPLACE) != 0 && errno != EEXIST)
      return tl::unexpected(errno_error(errno, "move " + work_ + " to " + place));
    FAILPOINT("images.keep.after_move");
    TRY(os::sync_folder(images_));
    return read_image(place);
  }

 private:
  Draft(std::string images, std::string work) : images_(std::move(images)), work_(std::move(work)) {}

  const std::string images_, work_;
  Image image_;
};

ImageLimits limits_of(const ImageOptions& options) {
  return {options.most_bytes, options.most_entries, options.keep_free};
}

}  // namespace

Result<std::unique_ptr<ImageFolder>> ImageFolder::open(ImageOptions options) {
  std::unique_ptr<ImageFolder> folder(new ImageFolder(std::move(options)));
  TRY(os::make_folders(folder->options_.data, 0700));
  TRY(os::make_folders(folder->layout_.images(), 0711));
  return folder;
}

Status ImageFolder::clear_unfinished() {
  for (const auto& name : TRY(os::list_folder(layout_.images())))
    if (name.starts_with('.')) TRY(os::remove_tree(layout_.images() + "/" + name));
  return {};
}

Result<Image> ImageFolder::builtin_busybox() {
  const auto draft = TRY(Draft::make(layout_.images()));
  TRY(make_busybox_rootfs(options_.busybox, draft->rootfs()));
  return draft->keep();
}

Result<std::unique_ptr<ImageDraft>> ImageFolder::unpack(const std::string& path) {
  auto draft = TRY(Draft::make(layout_.images()));
  auto settings = unpack_image(path, draft->work(), limits_of(options_));
  if (!settings) return tl::unexpected(in_context("import image " + path, settings.error()));
  draft->apply(std::move(*settings));
  return draft;
}

Result<std::unique_ptr<ImageDraft>> ImageFolder::unpack(Source& tar) {
  auto draft = TRY(Draft::make(layout_.images()));
  auto settings = unpack_image(tar, draft->work(), limits_of(options_));
  if (!settings) return tl::unexpected(in_context("import an image", settings.error()));
  draft->apply(std::move(*settings));
  return draft;
}

Result<std::unique_ptr<ImageDraft>> ImageFolder::build(const ImageRecipe& recipe, const BuildWatch& watch) {
  TRY(check_recipe(recipe));
  auto draft = TRY(Draft::make(layout_.images()));
  const auto guarded = [&](std::string_view said) -> Status {
    if (TRY(os::free_bytes(draft->work())) < options_.keep_free)
      return fail(Code::no_space, "build an image: the disk would be full");
    return watch(said);
  };
  TRY(make_debian_rootfs(recipe, {options_.debian_mirror, options_.debian_keyring, options_.lock_fd},
                         draft->rootfs(), guarded));
  FAILPOINT("images.build.after_tools");
  return draft;
}

Result<std::vector<Image>> ImageFolder::list() {
  std::vector<Image> images;
  for (const auto& name : TRY(os::list_folder(layout_.images())))
    if (digest_hex("sha256:" + name)) images.push_back(TRY(read_image(layout_.images() + "/" + name)));
  return images;
}

Result<bool> ImageFolder::has(const std::string& digest) {
  struct stat info{};
  if (::lstat(layout_.image(digest).c_str(), &info) == 0) return true;
  if (errno == ENOENT) return false;
  return tl::unexpected(errno_error(errno, "look for image " + digest));
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
