#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <mutex>

#include "app/image_catalog.h"

namespace mayfly {

struct BuildWish {
  ImageRecipe recipe;
  std::string name;      // empty: made of the release and the packages
};

/// Images made of Debian packages, one at a time. The row comes before anything is made, and says how it ended.
class ImageBuilds {
 public:
  ImageBuilds(Store& store, Images& images, ImageCatalog& catalog, Random& random)
      : store_(store), images_(images), catalog_(catalog), random_(random) {}

  /// Runs what takes long, on a thread that may block for it.
  std::function<void(std::function<void()>)> post = [](const std::function<void()>& work) { work(); };

  /// Accepted: it is queued and goes on by itself. exhausted: too many wait already.
  Result<ImageBuild> start(const Caller& caller, const BuildWish& wish);
  /// With what its tools have said last, also while it runs.
  Result<ImageBuild> get(const Caller& caller, const std::string& id);

  /// At the start: builds that an earlier life did not end have failed.
  Status fail_interrupted();
  /// Ends what runs soon, and takes no more.
  void stop();

 private:
  struct Queued {
    Caller caller;
    ImageBuild build;
  };
  void run_queued();
  void run(const Queued& wanted);
  Result<ImageRecord> make(const Queued& wanted);
  Status hear(const ResourceId& id, std::string_view said);
  Status end(ImageBuild build, const Result<ImageRecord>& made);

  Store& store_;
  Images& images_;
  ImageCatalog& catalog_;
  Random& random_;

  std::mutex mutex_;
  std::deque<Queued> queue_;                              // that wait
  std::map<ResourceId, std::vector<std::string>> said_;   // of those that run: a hint that may be lost
  bool busy_ = false;                                     // a thread works on them
  std::atomic<bool> stopping_{false};
};

/// "debian-bookworm-git-python3"; shortened where there are many.
std::string name_for(const ImageRecipe& recipe);

}  // namespace mayfly
