#pragma once
// The cleanup engine as the server runs it, over a real database on the disk, with effects that do nothing.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <thread>

#include "app/worker.h"
#include "store/sqlite/store.h"

namespace mayfly::bench {

class MonotonicClock final : public Clock {
 public:
  Time now() const override;
  WallTime wall() const override;
};

class UrandomBytes final : public Random {
 public:
  void fill(void* bytes, std::size_t count) override;
};

/// A step that takes as long as `span`, and how long each waited since the instant that its resource's id tells.
class NoEffects final : public Effects {
 public:
  explicit NoEffects(const Clock& clock) : clock_(clock) {}
  Result<Commit> perform(const Task& task) override;
  Commit record_only(const Task&) const override { return {}; }

  Duration span{};
  ResourceId watched;                 // only waits of this workspace are kept; empty: of all
  std::vector<double> waits_ms();     // taken

 private:
  const Clock& clock_;
  std::mutex mutex_;
  std::vector<double> waits_;
};

/// An id whose uid is that number: an instant, or a running number.
ResourceId numbered(std::string_view prefix, std::uint64_t number);

class Engine {
 public:
  explicit Engine(int threads);
  ~Engine();

  void start();
  void stop();
  /// Until nothing waits any more.
  void drain();
  Task task(const ResourceId& workspace, Verb verb = Verb::stop_sandbox);   // ready, of nobody's tree
  void insert(const std::vector<Task>& tasks);                              // in closures of 512

  MonotonicClock clock;
  UrandomBytes random;
  std::unique_ptr<SqliteStore> store;
  Installation installation;
  NoEffects effects{clock};

 private:
  class Bell {
   public:
    void ring();
    void stop();
    bool wait(std::optional<Duration> in);

   private:
    std::mutex mutex_;
    std::condition_variable rung_;
    int pending_ = 0;
    int sleepers_ = 0;
    bool stopped_ = false;
  };
  struct Parts;

  std::string folder_;
  std::unique_ptr<Parts> parts_;
  const int count_;
  Bell bell_;
  std::vector<std::thread> threads_;
  std::atomic<std::uint64_t> made_{0};
};

}  // namespace mayfly::bench
