#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "driver/crun/crun_driver.h"
#include "driver/crun/mounts.h"
#include "os/layer_tar.h"

namespace mayfly {

using namespace crun;

namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

/// Moves a folder so that the new name is durable; the new name must be free.
Status move_folder(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0)
    return tl::unexpected(errno_error(errno, "move " + from + " to " + to));
  TRY(os::sync_folder(to.substr(0, to.rfind('/'))));
  return os::sync_folder(from.substr(0, from.rfind('/')));
}

/// A name in the trash that nothing has: the layer's own, or one with a number behind it.
std::string free_name(const std::string& path) {
  for (int n = 0;; ++n)
    if (auto name = n ? path + "." + std::to_string(n) : path; !exists(name)) return name;
}

int last_generation(const std::string& layer) {
  return parse_number(os::read_file(layer + "/generation", 64).value_or("")).value_or(0);
}

}  // namespace

/// A rename takes a mount point along and so hides it; that is why mountinfo is asked first.
Status CrunDriver::refuse_mounted(const LayerRef& layer) const {
  for (const auto& mount : TRY(read_mounts())) {
    const auto found = mount.type == "overlay" ? parse_mount_tag(mount.source) : std::nullopt;
    const bool ours = found && found->instance == layer.instance && found->uid == layer.uid;
    // A volume is seen by what is mounted, wherever that is.
    const bool bound = mount.root.ends_with("/layers/" + hex(layer.uid) + "/" + std::to_string(layer.layer) + "/upper");
    if (ours || bound || is_below(mount.point, layout_.layer(layer)))
      return fail(Code::busy, "layer " + trash_name(layer) + " is mounted at " + mount.point);
  }
  return {};
}

Result<Caveats> CrunDriver::make_volume(const LayerRef& layer, std::int64_t size_mb) {
  TRY(own(layer.instance));
  const auto folder = layout_.layer(layer);
  TRY(os::make_folders(layout_.layers_of(layer.uid), 0711));
  TRY(os::make_folders(folder, 0711));
  FAILPOINT("crun.make_volume.before_mark");
  // First the mark, so that what a crash leaves half made is known for what it is.
  TRY(os::write_file(folder + "/volume", std::to_string(size_mb)));
  TRY(os::make_folders(folder + "/upper", 0755));
  TRY(os::sync_folder(folder));
  TRY(os::sync_folder(layout_.layers_of(layer.uid)));
  TRY(os::sync_folder(layout_.layers()));
  FAILPOINT("crun.make_volume.after");
  return Caveats{"size limit of " + std::to_string(size_mb) + " MiB: watched, not hard (" +
                 file_system_of(layout_.layers()) + ")"};
}

Status CrunDriver::discard(const LayerRef& layer, const DeletePermit& permit) {
  TRY(own(layer.instance));
  const auto folder = layout_.layer(layer);
  if (!permit.covers(layer, permit.generation()))
    return fail(Code::conflict,
                "discard layer " + trash_name(layer) + ": the permit is for " + trash_name(permit.layer()));
  if (const int last = last_generation(folder); last > permit.generation())
    return fail(Code::conflict, "discard layer " + trash_name(layer) + ": generation " + std::to_string(last) +
                                    " wrote to it, the permit is for generation " +
                                    std::to_string(permit.generation()));
  TRY(refuse_mounted(layer));
  if (exists(folder)) {
    FAILPOINT("crun.discard.before_move");
    TRY(move_folder(folder, free_name(layout_.trash() + "/" + trash_name(layer))));
    FAILPOINT("crun.discard.after_move");
  }
  ::rmdir(layout_.layers_of(layer.uid).c_str());  // others may be in it
  return {};
}

Result<bool> CrunDriver::has_layer(const LayerRef& layer) {
  TRY(own(layer.instance));
  return exists(layout_.layer(layer));
}

Status CrunDriver::erase(const LayerRef& layer) {
  TRY(own(layer.instance));
  const auto name = trash_name(layer);
  FAILPOINT("crun.erase.before");
  for (const auto& entry : TRY(os::list_folder(layout_.trash()))) {
    if (entry.substr(0, entry.find('.')) == name) {
      const auto path = layout_.trash() + "/" + entry;
      const auto folder = os::open(path, O_RDONLY | O_DIRECTORY);
      const auto bytes = folder ? os::disk_usage(folder->get()).value_or(0) : 0;
      TRY(os::remove_tree(path));
      bytes_freed += static_cast<std::uint64_t>(bytes);
    }
    FAILPOINT("crun.erase.after_entry");
  }
  return os::sync_folder(layout_.trash());
}

Result<ManifestSummary> CrunDriver::export_layer(const LayerRef& layer, const Exclusions& exclude, Sink& tar,
                                                 Sink& manifest) {
  TRY(own(layer.instance));
  const auto upper = TRY(os::open(layout_.layer(layer) + "/upper", O_RDONLY | O_DIRECTORY));
  return os::pack_layer(upper.get(), exclude, tar, manifest);
}

/// The layer is made in the trash, so that a torn one is never anything but trash, and moved into place when it is
/// whole and on disk.
Result<ManifestSummary> CrunDriver::import_layer(const LayerRef& layer, Source& tar) {
  TRY(own(layer.instance));
  const auto place = layout_.layer(layer);
  TRY(refuse_mounted(layer));
  // The first start of a restored sandbox may have died between the import and its record, and imports again.
  if (const int last = last_generation(place); last > 1)
    return fail(Code::conflict,
                "import into layer " + trash_name(layer) + ": generation " + std::to_string(last) + " ran on it");

  const auto fresh = layout_.trash() + "/" + trash_name(layer) + ".import";
  const auto stale = fresh + ".old";
  for (const auto& torn : {fresh, stale}) TRY(os::remove_tree(torn));
  for (const auto& folder : {fresh, fresh + "/upper", fresh + "/work"})
    if (::mkdir(folder.c_str(), 0755) != 0) return tl::unexpected(errno_error(errno, "make folder " + folder));
  FAILPOINT("crun.import.before_unpack");
  const auto upper = TRY(os::open(fresh + "/upper", O_RDONLY | O_DIRECTORY));
  auto held = os::unpack_layer(tar, upper.get());
  if (!held) {
    (void)os::remove_tree(fresh);
    return held;
  }
  if (::syncfs(upper.get()) != 0) return tl::unexpected(errno_error(errno, "sync " + fresh));
  FAILPOINT("crun.import.before_move");
  TRY(os::make_folders(layout_.layers_of(layer.uid), 0711));
  if (exists(place)) TRY(move_folder(place, stale));
  FAILPOINT("crun.import.between_moves");
  TRY(move_folder(fresh, place));
  TRY(os::sync_folder(layout_.layers()));
  FAILPOINT("crun.import.after_move");
  TRY(os::remove_tree(stale));
  return held;
}

}  // namespace mayfly
