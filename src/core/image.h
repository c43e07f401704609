#pragma once
// Images as the database knows them: names, the contents behind them, and the builds that make new ones.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/resource.h"

namespace mayfly {

/// Contents that have no name any more and nobody uses are kept for so long: a build or a push may name them again.
constexpr Duration unnamed_grace = std::chrono::hours(1);

struct ImageRecord {
  std::string name;                  // "busybox", "debian:bookworm"
  std::string digest;                // "sha256:..."
  std::int64_t bytes = 0;
  std::map<std::string, std::string> env;
  std::string workdir = "/";
  Time created_at{};
};

/// One life of the files behind a digest, and what is deleted when an image is: brought in again after its delete was
/// accepted, the same digest begins another one.
struct ImageContent {
  Resource resource;                 // called after its digest; of the workspace of whoever brought or deletes it
  std::string digest;
  std::int64_t bytes = 0;
  std::optional<Time> unnamed_at;    // since when no name means it
};

/// How many of a workspace were made of a digest, and are not gone.
struct ImageUse {
  std::string digest;
  ResourceId workspace;
  std::int64_t sandboxes = 0;
  std::int64_t archives = 0;
};

/// What a Debian image is to consist of beside the packages that every one has.
struct ImageRecipe {
  std::string release = "bookworm";
  std::vector<std::string> packages;
};

/// invalid, naming the release or the package that cannot be one.
Status check_recipe(const ImageRecipe& recipe);
/// Letters, digits and ._/:- , 1 to 128, beginning with a letter or digit.
Status check_image_name(std::string_view name);

enum class BuildState { queued, running, succeeded, failed };
std::string_view name(BuildState state);
std::optional<BuildState> parse_build_state(std::string_view name);

/// The record of a build: a row before anything is made.
struct ImageBuild {
  ResourceId id;                     // bld_...
  ResourceId workspace;
  std::string actor;
  std::string name;                  // what the image is to be called
  ImageRecipe recipe;
  BuildState state = BuildState::queued;
  std::string digest;                // of what came of it
  std::int64_t bytes = 0;
  std::string error, error_code;     // why nothing did
  std::vector<std::string> said;     // the last lines of its tools, once it has ended
  Time created_at{};
  std::optional<Time> ended_at;
};

}  // namespace mayfly
