#include "app/image_builds.h"

#include <algorithm>

#include "app/audit.h"
#include "app/ids.h"
#include "base/failpoint.h"

namespace mayfly {

namespace {

constexpr std::size_t most_waiting = 8;   // half a minute each and more: who comes after those has forgotten why
constexpr std::size_t lines_kept = 20;
constexpr std::size_t longest_line = 300;
constexpr std::size_t longest_made_up_name = 60;
constexpr std::string_view prefix = "bld_";

tl::unexpected<Error> no_such_build(const std::string& id) {
  return fail(Code::not_found, "no image build \"" + id.substr(0, 80) + "\" in this workspace",
              "image_build_not_found");
}

std::vector<std::string> last_lines(std::string_view said) {
  std::deque<std::string> lines;
  while (!said.empty()) {
    const auto end = std::min(said.find('\n'), said.size());
    if (end > 0) lines.emplace_back(said.substr(0, std::min(end, longest_line)));
    if (lines.size() > lines_kept) lines.pop_front();
    said.remove_prefix(std::min(end + 1, said.size()));
  }
  return {lines.begin(), lines.end()};
}

Resource subject_of(const ImageBuild& build) {
  Resource subject;
  subject.id = build.id;
  subject.workspace = build.workspace;
  return subject;
}

}  // namespace

std::string name_for(const ImageRecipe& recipe) {
  std::string name = "debian-" + recipe.release;
  for (const auto& package : recipe.packages) {
    if (name.size() + package.size() > longest_made_up_name) return name + "-and-more";
    name += "-" + package;
  }
  // Package names have a letter that names of images have not.
  std::replace(name.begin(), name.end(), '+', 'p');
  return name;
}

Result<ImageBuild> ImageBuilds::start(const Caller& caller, const BuildWish& wish) {
  TRY(require(caller, Role::admin));
  TRY(check_recipe(wish.recipe));
  const auto name = wish.name.empty() ? name_for(wish.recipe) : wish.name;
  TRY(check_image_name(name));
  {
    std::lock_guard guard(mutex_);
    if (queue_.size() >= most_waiting)
      return fail(Code::exhausted, std::to_string(queue_.size()) + " image builds wait already: try again later",
                  "too_many_builds");
  }
  auto build = TRY(store_.write([&](Transaction& t) -> Result<ImageBuild> {
    ImageBuild row;
    row.id = {new_id(prefix, t, random_)};
    row.workspace = caller.workspace;
    row.actor = caller.actor;
    row.name = name;
    row.recipe = wish.recipe;
    row.created_at = t.now();
    TRY(t.images().insert(row));
    TRY(audit(t, random_, caller, "image.build_accepted", subject_of(row), {{"name", name}}));
    return row;
  }));
  FAILPOINT("build_image.after_commit");
  {
    std::lock_guard guard(mutex_);
    queue_.push_back({caller, build});
    if (std::exchange(busy_, true)) return build;
  }
  post([this] { run_queued(); });
  return build;
}

Result<ImageBuild> ImageBuilds::get(const Caller& caller, const std::string& id) {
  TRY(require(caller, Role::admin));
  auto build = store_.read([&](Transaction& t) { return t.images().build({id}); });
  if (!build && build.error().code != Code::not_found) return build;
  if (!build || build->workspace != caller.workspace) return no_such_build(id);
  std::lock_guard guard(mutex_);
  if (const auto said = said_.find(build->id); said != said_.end()) build->said = said->second;
  return build;
}

void ImageBuilds::run_queued() {
  for (;;) {
    Queued next;
    {
      std::lock_guard guard(mutex_);
      busy_ = !queue_.empty() && !stopping_;
      if (!busy_) return;
      next = std::move(queue_.front());
      queue_.pop_front();
    }
    run(next);
  }
}

void ImageBuilds::run(const Queued& wanted) {
  auto running = wanted.build;
  running.state = BuildState::running;
  Result<ImageRecord> made = fail(Code::internal, "not begun");
  if (const auto begun = store_.write([&](Transaction& t) { return t.images().update(running); }); begun)
    made = make(wanted);
  else
    made = tl::unexpected(begun.error());
  // A row whose end could not be written is ended by the next start.
  (void)end(std::move(running), made);
  std::lock_guard guard(mutex_);
  said_.erase(wanted.build.id);
}

Result<ImageRecord> ImageBuilds::make(const Queued& wanted) {
  const auto draft = TRY(images_.build(wanted.build.recipe, [&](std::string_view said) {
    return hear(wanted.build.id, said);
  }));
  return catalog_.admit(wanted.caller, *draft, wanted.build.name);
}

Status ImageBuilds::hear(const ResourceId& id, std::string_view said) {
  if (stopping_)
    return fail(Code::unavailable, "the server was stopped while the image was being built: ask again", "interrupted");
  std::lock_guard guard(mutex_);
  said_[id] = last_lines(said);
  return {};
}

Status ImageBuilds::end(ImageBuild build, const Result<ImageRecord>& made) {
  {
    std::lock_guard guard(mutex_);
    if (const auto said = said_.find(build.id); said != said_.end()) build.said = said->second;
  }
  return store_.write([&](Transaction& t) -> Status {
    build.ended_at = t.now();
    build.state = made ? BuildState::succeeded : BuildState::failed;
    std::map<std::string, std::string> story = {{"name", build.name}};
    if (made) {
      build.digest = story["digest"] = made->digest;
      build.bytes = made->bytes;
    } else {
      build.error = story["error"] = made.error().message;
      build.error_code = made.error().reason.empty() ? std::string(name(made.error().code)) : made.error().reason;
    }
    TRY(t.images().update(build));
    TRY(audit(t, random_, Caller::system("images", build.workspace),
              made ? "image.build_succeeded" : "image.build_failed", subject_of(build), std::move(story)));
    return {};
  });
}

Status ImageBuilds::fail_interrupted() {
  const auto left = TRY(store_.read([](Transaction& t) { return t.images().unfinished_builds(); }));
  for (const auto& build : left)
    TRY(end(build, fail(Code::unavailable, "the server ended while the image was being built: ask again",
                        "interrupted")));
  return {};
}

void ImageBuilds::stop() { stopping_ = true; }

}  // namespace mayfly
