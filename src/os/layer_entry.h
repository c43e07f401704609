#pragma once
// One entry of a layer, as the disk, the tar and the manifest all tell it.

#include <cstdint>
#include <ctime>
#include <map>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace mayfly::os {

struct LayerEntry {
  enum class Type {
    file,
    folder,
    link,       // symbolic
    hardlink,   // one more name of an earlier entry
    whiteout,   // the name is deleted from the layers below
    opaque,     // the folder of this path hides what layers below have in it
  };

  Type type = Type::file;
  std::string path;                            // below the layer, "." for the layer itself
  std::string target;                          // of a link; of a hardlink, the path of the earlier entry
  std::int64_t size = 0;                       // of a file
  mode_t mode = 0;                             // permission bits, with setuid, setgid and sticky; not of links
  uid_t uid = 0;
  gid_t gid = 0;
  timespec mtime{};
  std::map<std::string, std::string> xattrs;
};

// The marks that keep a tar unambiguous, written as extended attributes: the kernel has no namespace "mayfly.", so no
// file can have one of its own.
inline constexpr std::string_view mark_prefix = "mayfly.";
inline constexpr std::string_view literal_mark = "mayfly.literal";     // a real file called ".wh.NAME"
inline constexpr std::string_view whiteout_mark = "mayfly.whiteout";   // a whiteout of a name that begins with ".wh."

inline constexpr std::string_view whiteout_prefix = ".wh.";
inline constexpr std::string_view opaque_name = ".wh..wh..opq";

// overlay's own attributes; the only one that means something on another disk is opaque.
inline constexpr std::string_view overlay_prefix = "trusted.overlay.";
inline constexpr const char* overlay_opaque = "trusted.overlay.opaque";

/// Longest path that is archived. A reader of pax refuses headers of more than a megabyte; a limit far below that
/// leaves room for a target and keeps every step on such a path short.
inline constexpr std::size_t longest_path = 32 << 10;
/// Most bytes of extended attributes of one entry, names and values, for the same reason (base64 makes 4/3 of it).
inline constexpr std::size_t most_xattr_bytes = 640 << 10;

/// A path shown to a person: bounded, and without control characters.
std::string shown(std::string_view path);

/// The folder part of a path below the layer ("." for the top) and its last name.
struct SplitPath {
  std::string_view folder, name;
};
SplitPath split(std::string_view path);

}  // namespace mayfly::os
