#pragma once

#include <mutex>

#include "app/deletion.h"
#include "core/caller.h"
#include "ports/images.h"
#include "ports/store.h"

namespace mayfly {

/// A name and what it means, with who needs that: as far as the caller may see them.
struct ImageListed {
  ImageRecord record;                // its name is empty where none is left
  std::vector<std::string> names;    // all names of this content
  std::int64_t sandboxes = 0;
  std::int64_t archives = 0;
  std::optional<Time> unnamed_at;
};

struct ImageRemoval {
  std::string removed;
  TaskId task;                       // empty: other names keep the content
};

struct ImageCollected {
  ImageContent content;
  TaskId task;                       // empty in a dry run
};

/// Names of images, the contents behind them, and who still needs those.
class ImageCatalog {
 public:
  ImageCatalog(Store& store, Images& images, const Deletion& deletion, Random& random,
               const Installation& installation)
      : store_(store), images_(images), deletion_(deletion), random_(random), installation_(installation) {}

  /// The built-in image is there from the start, under the name "busybox".
  Status ensure_builtin();

  /// Every name, and contents that have none. The counts are of the caller's workspace, of all for an admin.
  Result<std::vector<ImageListed>> list(const Caller& caller);
  /// Brings in what lies at `path` on the server's host and gives it the name, which then means this content.
  Result<ImageRecord> import(const Caller& caller, const std::string& path, const std::string& name);
  /// The same from a tar that arrives.
  Result<ImageRecord> import(const Caller& caller, Source& tar, const std::string& name);
  /// Keeps what was made, and gives it the name.
  Result<ImageRecord> admit(const Caller& caller, ImageDraft& draft, const std::string& name);
  /// A second name for what `target` means.
  Status alias(const std::string& name, const std::string& target);
  /// Takes the name away; with the last one the content is deleted. A content without a name goes by its digest.
  /// conflict: a sandbox or an archive needs it, or it is the name of the built-in one.
  Result<ImageRemoval> remove(const Caller& caller, const std::string& name);
  /// Deletes contents that have had no name for `grace` and that nobody needs.
  Result<std::vector<ImageCollected>> collect(const Caller& caller, Duration grace, bool dry_run);

  /// At the start, while nothing else runs: what earlier lives left half made goes, contents that have no row yet get
  /// one when something needs them, and are removed when nothing does.
  Status settle();

  // Steps of a delete. Each may run twice.
  Status destroy(const ResourceId& id);
  Status confirm(const ResourceId& id);
  Status forget(Transaction& t, const ResourceId& id) const;

 private:
  Status adopt(Transaction& t, const Caller& caller, const Image& image) const;
  Status settle_names(Transaction& t, const std::string& digest) const;
  Status unused(Transaction& t, const std::string& name, const std::string& digest) const;
  Result<bool> lives_again(Transaction& t, const ResourceId& id) const;

  Store& store_;
  Images& images_;
  const Deletion& deletion_;
  Random& random_;
  const Installation& installation_;
  std::mutex files_;   // between the files of a digest and its row: a removal must not take what is about to be named
};

}  // namespace mayfly
