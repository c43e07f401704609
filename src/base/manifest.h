#pragma once
// What an archive says it holds. A manifest is text, one JSON line per entry in the order of the tar, and its
// SHA-256 stands for all of it: two layers with equal manifest digests hold the same files, byte for byte.

#include <cstdint>
#include <string>
#include <vector>

namespace mayfly {

/// Exact names below the sandbox's root that the user does not want archived ("/var/cache"); a folder means all of it.
using Exclusions = std::vector<std::string>;

/// So many of what was left out are named; the rest is counted.
constexpr std::size_t most_left_out_paths = 100;

struct ManifestSummary {
  std::string digest;             // SHA-256 of the manifest's lines, hex
  std::int64_t entries = 0;       // lines
  std::int64_t content_bytes = 0; // apparent sizes of the regular files
  std::int64_t left_out = 0;      // sockets, FIFOs and devices, which the tar does not hold: told by packing only
  std::vector<std::string> left_out_paths{};   // the first of them, as a manifest spells paths
  bool operator==(const ManifestSummary&) const = default;
};

}  // namespace mayfly
