#pragma once
// What runs sandboxes. Every call is idempotent and addressed by incarnation or layer: doing it twice is doing it
// once, and removing what is absent succeeds. Calls for one uid never overlap; calls for different uids do.
//
// Errors: busy (try again soon), unavailable and timed_out (transient or unknown: probe with `inspect`), no_space,
// not_found (only where stated), unsupported, anything else is permanent.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/manifest.h"
#include "core/permit.h"
#include "core/sandbox_spec.h"
#include "base/stream.h"

namespace mayfly {

/// What the host could not do as asked, in words for the sandbox's record: "disk limit: watched, not hard (ext4)".
using Caveats = std::vector<std::string>;

/// A volume as one sandbox sees it: its files with the ids of that sandbox.
struct MountedVolume {
  LayerRef volume;
  std::string path;       // absolute, inside
  bool read_only = false;
};

struct LaunchSpec {
  Incarnation incarnation;
  int layer = 1;
  SandboxSpec spec;
  std::vector<MountedVolume> volumes = {};
};

struct Started {
  Caveats caveats;
  bool adopted = false;   // it was running already
};

/// One thing found on the host (or cluster) that carries an incarnation or a layer of this instance.
struct Found {
  enum class What { process, cgroup, mount, network, runtime_state, folder, layer, trash, socket, volume };
  What what;
  Uuid uid;
  int generation = 0;     // 0 for layers, volumes and trash, which belong to no generation
  int layer = 0;          // 0 for all else
  std::string where;      // path or name, for people
};
std::string_view name(Found::What what);

/// What is left of one incarnation, by two means that must agree: the driver's own records and the kernel's.
struct Presence {
  bool running = false;             // processes in its cgroup
  bool frozen = false;
  std::vector<Found> left;          // empty: proved absent
};

struct Usage {
  std::int64_t disk_bytes = 0;      // allocated in the writable layer
  std::int64_t memory_bytes = 0;
  std::int64_t cpu_us = 0;
};

class Driver {
 public:
  virtual ~Driver() = default;

  /// Runs the sandbox on its layer (made empty if absent) until its agent answers. Already running: adopted.
  virtual Result<Started> start(const LaunchSpec& launch) = 0;

  /// Stops every process of that generation, paused or not, and waits until its cgroup is empty.
  virtual Status kill(const Incarnation& incarnation) = 0;

  /// Other limits for one that runs: cpus, memory and processes. Tells what could not be made so. not_found when
  /// nothing runs.
  virtual Result<Caveats> limit(const Incarnation& incarnation, const Resources& resources) = 0;

  virtual Status freeze(const Incarnation& incarnation) = 0;  // not_found when nothing runs
  virtual Status thaw(const Incarnation& incarnation) = 0;    // not_found when nothing runs

  /// Removes cgroups, mounts, network, runtime state and run folder of a killed generation. The layer stays.
  /// Code::busy names what still holds on.
  virtual Status release(const Incarnation& incarnation) = 0;

  /// Makes the empty layer of a volume; one that is there stays and is known as a volume from here on. Its layer is
  /// mounted by the starts of sandboxes, and discarded, erased, exported and imported like any other.
  virtual Result<Caveats> make_volume(const LayerRef& layer, std::int64_t size_mb) = 0;

  /// Moves the layer out of reach: its name is free and nothing can start on it. Needs the permit for its bytes.
  virtual Status discard(const LayerRef& layer, const DeletePermit& permit) = 0;

  /// Destroys the bytes of a discarded layer. Done when they are unlinked.
  virtual Status erase(const LayerRef& layer) = 0;

  /// The layer is there and was not discarded.
  virtual Result<bool> has_layer(const LayerRef& layer) = 0;

  virtual Result<Presence> inspect(const Incarnation& incarnation) = 0;
  /// CPU time used by that generation so far, in microseconds: cheap, tells who has done anything since the last look.
  virtual Result<std::int64_t> cpu_time(const Incarnation& incarnation) = 0;
  virtual Result<Usage> usage(const Incarnation& incarnation, int layer) = 0;

  /// Everything of this instance, whoever started it. One pass over the host.
  virtual Result<std::vector<Found>> inventory() = 0;
  /// Paths in the driver's own folders whose names it never gives, finished or half made.
  virtual Result<std::vector<std::string>> strangers() { return std::vector<std::string>(); }
  /// Sentences about things of the driver's own that contradict each other: a range of ids that two sandboxes have.
  virtual Result<std::vector<std::string>> disorders() { return std::vector<std::string>(); }

  /// Writes the layer as a compressed tar to `tar` and its manifest to `manifest`; neither ever held in memory.
  /// Needs no process inside. not_found: there is no such layer.
  virtual Result<ManifestSummary> export_layer(const LayerRef& layer, const Exclusions& exclude, Sink& tar,
                                               Sink& manifest) = 0;

  /// Makes the layer from such a tar, replacing a half-made one, and tells what it now holds. Nothing runs on it.
  virtual Result<ManifestSummary> import_layer(const LayerRef& layer, Source& tar) = 0;
};

/// One file of an archive, while it is read from there.
struct ArchivedFile {
  std::int64_t size = 0;
  std::unique_ptr<Source> content;
  std::string same_as;    // instead of content: it is one more name of this earlier path
};

/// One entry of an archive that can be made again. The path is below the layer ("a/b"), "." for the layer itself.
struct ArchivedEntry {
  enum class Type { file, folder, link, same_file };
  Type type = Type::file;
  std::string path;
  std::string target;     // of a link; of a same_file, the earlier path that it is one more name of
  std::int64_t size = 0;
  std::uint32_t mode = 0;
};
using ArchiveVisitor = std::function<Status(const ArchivedEntry& entry, Source* content)>;   // content: of a file

/// Reads a tar of `export_layer` again, hashing every byte, and tells what it holds; stores nothing.
/// When a stored manifest is given, the first line that differs is named in the error (Code::conflict).
class ArchiveReader {
 public:
  virtual ~ArchiveReader() = default;
  virtual Result<ManifestSummary> read_back(Source& tar, Source* manifest) = 0;
  /// The tar without its compression.
  virtual std::unique_ptr<Source> plain(std::unique_ptr<Source> tar) = 0;
  /// The regular file of that path below the layer ("a/b"). not_found: no such entry; invalid: it is no file.
  virtual Result<ArchivedFile> file(std::unique_ptr<Source> tar, const std::string& path) = 0;
  /// What lies at that path and below, folders before what is in them; deletions are left out. not_found: nothing.
  virtual Status visit(Source& tar, const std::string& path, const ArchiveVisitor& visitor) = 0;
};

}  // namespace mayfly
