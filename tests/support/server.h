#pragma once
// One life of the server without its threads: everything of app/, wired as main/engine.cc wires it, over an outside
// that tests bring along. A start makes it, a crash or a restart forgets it.

#include "app/access.h"
#include "app/archives.h"
#include "app/cleanup_control.h"
#include "app/cleanups.h"
#include "app/deadlines.h"
#include "app/disk_watch.h"
#include "app/image_catalog.h"
#include "app/reconciler.h"
#include "app/runtimes.h"
#include "app/stale_sweep.h"
#include "app/worker.h"
#include "app/forest.h"
#include "app/holds.h"
#include "app/trash.h"
#include "app/volumes.h"
#include "app/workspaces.h"

namespace mayfly {

/// What outlives the server.
struct Outside {
  Store& store;
  Driver& driver;
  BlobStore& blobs;
  ArchiveReader& reader;
  Images& images;
  Random& random;
  const Clock& clock;
  std::function<void(std::function<void()>)> elsewhere = [](const std::function<void()>& work) { work(); };
  dispatch::Rules rules = {};
};

/// Makes databases that are nothing but volumes: what is in them is the host's matter.
class PlainDatabases : public DatabaseProvider {
 public:
  explicit PlainDatabases(Driver& driver) : driver_(driver) {}
  Result<Caveats> make(const LayerRef& layer, std::int64_t size_mb) override {
    return driver_.make_volume(layer, size_mb);
  }

 private:
  Driver& driver_;
};

struct Server {
  Server(const Outside& o, const Installation& continued)
      : installation(continued),
        waiting(o.elsewhere),
        deletion(installation, o.random),
        activity(o.store, o.clock, installation),
        sandboxes(o.store, deletion, waiting, o.random, o.clock, installation),
        archiver(o.store, o.driver, o.blobs, o.reader, o.random, installation),
        images(o.store, o.images, deletion, o.random, installation),
        steps(o.store, o.driver, o.blobs, archiver, o.random, installation, images, deletion),
        transitions(o.store, o.driver, o.blobs, o.random, installation),
        dispatcher(o.rules, o.random),
        worker(o.store, steps, transitions, dispatcher, locks, o.random, o.clock, installation),
        deadlines(o.store, activity, deletion, o.random, o.clock, installation),
        reconciler(o.store, o.driver, o.blobs, o.images, deletion, locks, o.random, installation),
        archives(o.store, o.blobs, o.reader, deletion, o.random, installation),
        cleanups(o.store, waiting, o.random, o.clock),
        cleanup_control(o.store, dispatcher, o.random, o.clock),
        stale(o.store, o.driver, activity, deletion, o.clock, installation),
        databases(o.driver),
        volumes(o.store, o.driver, o.blobs, deletion, o.random, installation, databases),
        doors(o.store, [](std::string_view secret) { return std::string(secret); }, o.clock),
        workspaces(o.store, doors, o.random),
        forest(o.store, o.random),
        trash(o.store, doors, deletion, o.random, installation),
        holds(o.store, o.random),
        runtimes(o.store, sandboxes, deletion, o.random, o.clock, installation,
                 [](std::string_view text) { return "digest of " + std::string(text); }, {}),
        disk_watch(o.store, o.driver, o.random, installation, [this](const ResourceId& id) {
          const auto found = naps.find(id);
          return found == naps.end() ? std::nullopt : std::optional(found->second);
        }) {
    o.store.on_commit([this](const Wakes& wakes) {
      if (wakes.deadline) deadlines.notice(*wakes.deadline);
      if (!wakes.settled.empty()) waiting.settled(wakes.settled);
    });
  }

  Installation installation;
  UidLocks locks;
  Waiting waiting;
  Deletion deletion;
  ActivityLog activity;
  Sandboxes sandboxes;
  Archiver archiver;
  ImageCatalog images;
  Steps steps;
  Transitions transitions;
  Dispatcher dispatcher;
  Worker worker;
  Deadlines deadlines;
  Reconciler reconciler;
  Archives archives;
  Cleanups cleanups;
  CleanupControl cleanup_control;
  StaleSweep stale;
  PlainDatabases databases;
  Volumes volumes;
  Access doors;
  Workspaces workspaces;
  Forest forest;
  Trash trash;
  Holds holds;
  Runtimes runtimes;
  std::map<ResourceId, Time> naps;   // who sleeps, and since when
  DiskWatch disk_watch;
};

/// Image files by digest, and what an import of a path gives.
class FakeImages : public Images {
 public:
  Result<Image> builtin_busybox() override { return files[builtin.digest] = builtin; }
  Result<std::unique_ptr<ImageDraft>> unpack(const std::string& path) override {
    const auto found = at_path.find(path);
    if (found == at_path.end()) return fail(Code::not_found, "no image at " + path);
    return std::make_unique<Draft>(*this, found->second);
  }
  Result<std::unique_ptr<ImageDraft>> unpack(Source& tar) override {
    std::array<char, 256> room;
    return unpack(std::string(room.data(), TRY(tar.read(room))));   // it says where it comes from
  }
  Result<std::unique_ptr<ImageDraft>> build(const ImageRecipe& recipe, const BuildWatch& watch) override {
    TRY(watch("I: Retrieving base\nI: Configuring base\n"));
    for (const auto& package : recipe.packages)
      if (package == "nosuch") return fail(Code::invalid, "E: Couldn't find these debs: nosuch", "package_unknown");
    return std::make_unique<Draft>(*this, built);
  }
  Result<std::vector<Image>> list() override {
    if (broken) return fail(Code::invalid, "an image folder is broken");
    std::vector<Image> all;
    for (const auto& [digest, image] : files) all.push_back(image);
    return all;
  }
  Result<bool> has(const std::string& digest) override { return files.contains(digest); }
  Status remove(const std::string& digest) override {
    if (stuck) return fail(Code::busy, "the files of " + digest + " are in use");
    files.erase(digest);
    return {};
  }
  Status clear_unfinished() override { return {}; }

  class Draft : public ImageDraft {
   public:
    Draft(FakeImages& of, Image image) : of_(of), image_(std::move(image)) {}
    Result<Image> keep() override { return of_.files[image_.digest] = image_; }

   private:
    FakeImages& of_;
    Image image_;
  };

  Image builtin{"sha256:busybox", 1, {}, "/"};
  std::map<std::string, Image> at_path, files;
  Image built{"sha256:built", 200, {}, "/"};
  bool broken = false;
  bool stuck = false;      // no files can be removed
};

}  // namespace mayfly
