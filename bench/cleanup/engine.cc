#include "engine.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <sys/random.h>

#include "app/installation.h"

namespace mayfly::bench {

namespace {

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "bench: %s\n", result.error().message.c_str());
  std::exit(1);
}
void must(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "bench: %s\n", status.error().message.c_str());
  std::exit(1);
}

tl::unexpected<Error> none() { return fail(Code::unsupported, "the bench has no host"); }

/// Sandboxes are not what is measured here: nothing asks for these.
class NoDriver final : public Driver {
 public:
  Result<Started> start(const LaunchSpec&) override { return none(); }
  Status kill(const Incarnation&) override { return {}; }
  Result<Caveats> limit(const Incarnation&, const Resources&) override { return none(); }
  Status freeze(const Incarnation&) override { return {}; }
  Status thaw(const Incarnation&) override { return {}; }
  Status release(const Incarnation&) override { return {}; }
  Result<Caveats> make_volume(const LayerRef&, std::int64_t) override { return none(); }
  Status discard(const LayerRef&, const DeletePermit&) override { return {}; }
  Status erase(const LayerRef&) override { return {}; }
  Result<bool> has_layer(const LayerRef&) override { return false; }
  Result<Presence> inspect(const Incarnation&) override { return none(); }
  Result<std::int64_t> cpu_time(const Incarnation&) override { return none(); }
  Result<Usage> usage(const Incarnation&, int) override { return none(); }
  Result<std::vector<Found>> inventory() override { return std::vector<Found>(); }
  Result<ManifestSummary> export_layer(const LayerRef&, const Exclusions&, Sink&, Sink&) override { return none(); }
  Result<ManifestSummary> import_layer(const LayerRef&, Source&) override { return none(); }
};

class NoBlobs final : public BlobStore {
 public:
  Result<std::unique_ptr<BlobWriter>> create(const std::string&) override { return none(); }
  Result<std::unique_ptr<Source>> open(const std::string&) override { return none(); }
  Result<std::unique_ptr<Source>> open_at(const std::string&, std::int64_t) override { return none(); }
  Result<BlobInfo> stat(const std::string&) override { return none(); }
  Status remove(const std::string&) override { return {}; }
  Result<std::vector<BlobInfo>> list(const std::string&) override { return std::vector<BlobInfo>(); }
};

constexpr std::size_t at_once = 512;

}  // namespace

Time MonotonicClock::now() const {
  return Time(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}
WallTime MonotonicClock::wall() const {
  return WallTime(std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()));
}

void UrandomBytes::fill(void* bytes, std::size_t count) {
  if (::getrandom(bytes, count, 0) != static_cast<ssize_t>(count)) std::abort();
}

ResourceId numbered(std::string_view prefix, std::uint64_t number) {
  const auto digits = std::to_string(number);
  return {std::string(prefix) + std::string(32 - digits.size(), '0') + digits};
}

Result<Commit> NoEffects::perform(const Task& task) {
  const auto began = microseconds(clock_.now());
  if (span > Duration::zero()) std::this_thread::sleep_for(span);
  if (!watched || task.workspace == watched) {
    const auto asked = static_cast<std::int64_t>(std::strtoull(task.resource.text.c_str() + 4, nullptr, 10));
    std::lock_guard guard(mutex_);
    waits_.push_back(static_cast<double>(began - asked) / 1000);
  }
  return Commit([](Transaction&) { return Status(); });
}

std::vector<double> NoEffects::waits_ms() {
  std::lock_guard guard(mutex_);
  return std::exchange(waits_, {});
}

struct Engine::Parts {
  Parts(Engine& e)
      : transitions(*e.store, driver, blobs, e.random, e.installation), dispatcher({}, e.random),
        worker(*e.store, e.effects, transitions, dispatcher, locks, e.random, e.clock, e.installation) {}
  NoDriver driver;
  NoBlobs blobs;
  UidLocks locks;
  Transitions transitions;
  Dispatcher dispatcher;
  Worker worker;
};

Engine::Engine(int threads) : count_(threads) {
  char name[] = "/tmp/mayfly-bench-cleanup-XXXXXX";
  folder_ = ::mkdtemp(name);
  store = must(SqliteStore::open({.path = folder_ + "/store.db"}, clock));
  installation = must(open_installation(*store, random, "", "", {}));
  parts_ = std::make_unique<Parts>(*this);
  parts_->worker.claimed = [this](Lane) { bell_.ring(); };
  store->on_commit([this](const Wakes& wakes) {
    if (wakes.fast_work) bell_.ring();
  });
}

Engine::~Engine() {
  stop();
  parts_.reset();
  store.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void Engine::start() {
  for (int i = 0; i < count_; ++i)
    threads_.emplace_back([this] {
      for (;;) {
        const auto next = must(parts_->worker.run_once(Lane::fast));
        std::optional<Duration> in;
        if (next) in = std::max(*next - clock.now(), Duration(100));
        if (!bell_.wait(in)) return;
      }
    });
}

void Engine::stop() {
  bell_.stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void Engine::drain() {
  for (;;) {
    const bool waits = must(store->read([](Transaction& t) -> Result<bool> {
      const bool queued = !TRY(t.tasks().lines(Lane::fast, {}, 1)).empty();
      return queued || !TRY(t.tasks().claimed()).empty();
    }));
    if (!waits) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Task Engine::task(const ResourceId& workspace, Verb verb) {
  Task task;
  task.id = task.root = {numbered("clt_", ++made_).text};
  task.verb = verb;
  task.resource = numbered("sbx_", made_);
  task.workspace = workspace;
  task.phase = Phase::ready;
  task.created_at = clock.now();
  task.work.next_attempt_at = task.created_at;
  return task;
}

void Engine::insert(const std::vector<Task>& tasks) {
  for (std::size_t at = 0; at < tasks.size(); at += at_once)
    must(store->write([&](Transaction& t) -> Status {
      for (auto i = at; i < std::min(tasks.size(), at + at_once); ++i) TRY(t.tasks().insert(tasks[i]));
      t.wakes.work(Lane::fast);
      return {};
    }));
}

void Engine::Bell::ring() {
  {
    std::lock_guard guard(mutex_);
    pending_ = std::min(pending_ + 1, std::max(sleepers_, 1));
  }
  rung_.notify_one();
}

void Engine::Bell::stop() {
  {
    std::lock_guard guard(mutex_);
    stopped_ = true;
  }
  rung_.notify_all();
}

bool Engine::Bell::wait(std::optional<Duration> in) {
  std::unique_lock guard(mutex_);
  ++sleepers_;
  const auto rung = [&] { return stopped_ || pending_ > 0; };
  if (in) rung_.wait_for(guard, *in, rung);
  else rung_.wait(guard, rung);
  --sleepers_;
  if (pending_ > 0) --pending_;
  return !stopped_;
}

}  // namespace mayfly::bench
