// What people do with all that is no sandbox.

#include "simulation/world.h"

namespace mayfly::simulation {

const Archive* World::any_archive() {
  const auto& archives = store_.rows().archives;
  return archives.empty() ? nullptr : &std::next(archives.begin(), chance_.below(archives.size()))->second;
}

const Volume* World::any_volume() {
  const auto& volumes = store_.rows().volumes;
  return volumes.empty() ? nullptr : &std::next(volumes.begin(), chance_.below(volumes.size()))->second;
}

void World::delete_archive() {
  if (const auto* archive = any_archive()) {
    const auto id = archive->resource.id;
    heard("delete archive", life_->server.archives.remove(caller(), id.text));
  }
}

void World::verify_archive() {
  const auto* archive = any_archive();
  if (!archive) return;
  const bool well = !host_.rotten.contains(archive->key) && !host_.rotten.contains(manifest_key(*archive));
  const auto key = archive->key;
  life_->server.archives.verify(caller(), archive->resource.id.text, [this, key, well](Result<Archive> seen) {
    // It may have rotted meanwhile; and a bit that flips on the way may be the very one that has rotted.
    if (heard("verify", seen) && !well && seen->verify_error.empty() && host_.rotten.contains(key) &&
        drawn_.flip_on_read == 0 &&
        seen->content.digest != summary_of(host_.objects.at(key)).digest)
      violated("C2: what has rotted was found well: " + key);
  });
}

void World::change_archive() {
  const auto* archive = any_archive();
  if (!archive) return;
  const auto id = archive->resource.id.text;
  if (chance_.percent(50)) {
    heard("keep longer", life_->server.archives.keep_longer(caller(), id, {.by = std::chrono::hours(1), .until = {}}));
    return;
  }
  ArchiveExpiry expiry;
  expiry.retention = std::chrono::seconds(60 + chance_.below(3600));
  heard("set expiry", life_->server.archives.set_expiry(caller(), id, expiry));
}

void World::make_volume() {
  NewVolume wish;
  if (chance_.percent(50)) wish.name = "volume-" + std::to_string(chance_.below(2));
  if (chance_.percent(30)) wish.size_mb = 64 * (1 + static_cast<std::int64_t>(chance_.below(4)));
  if (const auto* archive = any_archive(); archive && chance_.percent(40))
    wish.restore_from = archive->resource.id.text;
  const auto made = life_->server.volumes.create(caller(), wish);
  if (!heard("make volume", made)) return;
  if (!store_.rows().volumes.contains(made->resource.id)) violated("C6: an acknowledged volume is forgotten");
}

void World::delete_volume() {
  const auto* volume = any_volume();
  if (!volume) return;
  const auto id = volume->resource.id;
  DeleteRequest request;
  request.policy.archive = chance_.percent(70);
  if (!request.policy.archive) oracle_.asks_again(id);
  heard("delete volume", life_->server.volumes.remove(caller(), id.text, request));
}

void World::retry_task() {
  const auto& tasks = store_.rows().tasks;
  if (tasks.empty()) return;
  const auto task = std::next(tasks.begin(), chance_.below(tasks.size()))->second;   // rows may be purged
  oracle_.asks_again(task.resource);
  heard("retry", life_->server.cleanups.retry(caller_in(task.workspace), task.id));
}

void World::import_image() {
  const auto number = std::to_string(chance_.below(3));
  images_.at_path["/image-" + number] = {"sha256:image-" + number, 10, {}, "/"};
  const Scheduler::Atomic whole(scheduler_);   // it holds a mutex over its record
  heard("import", life_->server.images.import(caller(), "/image-" + number, "other"));
}

void World::delete_image() {
  heard("delete image", life_->server.images.remove(caller(), chance_.percent(80) ? "other" : "built"));
}

void World::build_image() {
  heard("build", life_->builds.start(caller(), {{"bookworm", {"git"}}, "built"}));
}

void World::change_workspace() {
  Workspaces::Change change;
  change.always_archive = chance_.percent(30);
  const auto most = std::optional<std::int64_t>(3 + chance_.below(10));
  const bool limited = chance_.percent(30);
  change.quota = [=](Quota& quota) { quota.sandboxes = limited ? most : std::nullopt; };
  heard("change workspace", life_->workspaces.change(caller(), "default", change));
}

}  // namespace mayfly::simulation
