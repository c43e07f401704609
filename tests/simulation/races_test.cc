// One sandbox, and at its deadline, to the microsecond, a keepalive, its expiry and a delete: in one commit or in
// several, in any order, with answers that are lost and servers that die. MAYFLY_RACES=N runs so many.

#include <atomic>
#include <iostream>

#include <gtest/gtest.h>

#include "simulation/store.h"
#include "simulation/threads.h"
#include "support/must.h"
#include "support/server.h"

namespace mayfly::simulation {
namespace {

class RaceTrack {
 public:
  explicit RaceTrack(std::uint64_t seed) : chance_(seed) {
    host_.chance = &chance_;
    host_.meanwhile = [this] { scheduler_.pause(); };
    start();
    must(server_->images.ensure_builtin());
    NewSandbox wish;
    wish.spec.image = "busybox";
    id_ = must(server_->sandboxes.create(caller(), wish)).resource.id;
    must(server_->worker.run_once(Lane::fast));
    start_rows_ = store_.rows();
    EXPECT_EQ(start_rows_.sandboxes.at(id_).resource.state, State::running);
  }
  ~RaceTrack() { end(); }

  /// What was broken, or nothing.
  std::string run() {
    line_up();
    host_.faults = {.begin_busy = 2, .commit_full = 2, .group_void = 3, .run_twice = 10, .crash_before_commit = 2,
                    .crash_after_commit = 2};
    for (int keepalives = 1 + static_cast<int>(chance_.below(2)); keepalives > 0; --keepalives)
      scheduler_.spawn("keepalive", [this] { keep_alive(); });
    scheduler_.spawn("expiry", [this] { (void)server_->deadlines.run_once(); });
    if (chance_.percent(40)) scheduler_.spawn("delete", [this] { remove(); });
    while (scheduler_.any_ready() || store_.waits()) go_on();
    host_.faults = {};
    return judge();
  }

  std::size_t promises = 0, expiries = 0, deletes = 0, deaths = 0;

 private:
  void start() {
    const Outside outside{store_, *driver_, *blobs_, *reader_, images_, chance_, clock_};
    server_ = std::make_unique<Server>(outside, must(open_installation(store_, chance_, "hash", "mf_", {})));
    must(end_downtime(store_, chance_, server_->installation));
  }
  void end() {
    scheduler_.kill_all();
    store_.start_over();
    server_.reset();
  }

  /// The same sandbox again, a microsecond from its deadline, or at it, or past it.
  void line_up() {
    promised_.reset();
    deleted_ = false;
    store_.restore(start_rows_);
    // Another life over the same rows, without the writes of a start.
    const auto installation = server_->installation;
    end();
    clock_.advance(std::chrono::seconds(1 + chance_.below(5)));
    const Outside outside{store_, *driver_, *blobs_, *reader_, images_, chance_, clock_};
    server_ = std::make_unique<Server>(outside, installation);
    // Each transaction is a microsecond later than the one before it: some come before the deadline, some after.
    deadline_ = clock_.now() + Duration(12);
    must(store_.write([&](Transaction& t) -> Status {
      Sandbox row = TRY(t.sandboxes().get(id_));
      row.lifetime.policy.max_age = deadline_ - row.lifetime.born_at;
      row.lifetime.max_at = deadline_;
      row.lifetime.keep_until.reset();
      if (chance_.percent(30)) row.lifetime.limit_at = deadline_ + Duration(chance_.below(3'000'000));
      row.lifetime.wake_at.reset();
      lifetime::settle(row.lifetime, {clock_.now(), clock_.wall()}, {});
      return t.sandboxes().update(row);
    }));
    clock_.advance(Duration(chance_.below(14)));
  }

  void go_on() {
    if (chance_.percent(5)) clock_.advance(Duration(1));
    try {
      if (store_.waits() && (!scheduler_.any_ready() || chance_.percent(30))) store_.commit_group();
      else scheduler_.step();
      if (!scheduler_.died()) return;
    } catch (const SimulatedCrash&) {
    }
    ++deaths;
    host_.faults = {};
    end();
    if (chance_.percent(50)) clock_.advance(Duration(chance_.below(3)));
    if (chance_.percent(10)) clock_.step_wall_clock(std::chrono::hours(chance_.below(9)) - std::chrono::hours(4));
    start();
    if (chance_.percent(50)) scheduler_.spawn("keepalive", [this] { keep_alive(); });
    scheduler_.spawn("expiry", [this] { (void)server_->deadlines.run_once(); });
  }

  void keep_alive() {
    lifetime::Extension wish{.by = Duration(1 + chance_.below(2'000'000)), .until = {}};
    if (chance_.percent(20)) wish = {.by = {}, .until = clock_.wall() + Duration(chance_.below(2'000'000))};
    server_->sandboxes.extend(caller(), id_.text, wish, [this](Result<lifetime::Extended> extended) {
      if (!extended) return;
      ++promises;
      promised_ = std::max(promised_.value_or(Time()), extended->expires_at.value());
    });
  }

  void remove() {
    if (server_->sandboxes.remove(caller(), id_.text, {})) deleted_ = true;
  }

  State state() const { return store_.rows().sandboxes.at(id_).resource.state; }
  bool delete_is_recorded() const {
    for (const auto& [id, event] : store_.rows().events)
      if (event.subject == id_ && event.type == "sandbox.delete_accepted" && event.data.at("reason") == "request")
        return true;
    return false;
  }

  std::string judge() {
    if (deleted_ && state() != State::deleting) return "an acknowledged delete is forgotten";
    if (delete_is_recorded()) {
      ++deletes;
      return {};
    }
    const auto& row = store_.rows().sandboxes.at(id_);
    if (promised_ && row.ending && row.ending->at < *promised_) return "ended before what was promised";
    if (row.ending && row.ending->at < deadline_) return "ended before its deadline";
    if (promised_) {
      // To the last microsecond of the promise, and not past the end.
      if (clock_.now() + Duration(1) < *promised_) clock_.advance(*promised_ - Duration(1) - clock_.now());
      if (clock_.now() < *promised_) {
        must(server_->deadlines.run_once());
        // The clock of transactions may be a little ahead of the one that it samples.
        const auto& now = store_.rows().sandboxes.at(id_);
        if (now.ending && now.ending->at < *promised_) return "ended before what was promised";
      }
    }
    clock_.advance(std::chrono::minutes(5));   // past any grace
    must(server_->deadlines.run_once());
    must(server_->deadlines.run_once());
    if (state() != State::deleting) return "it outlives its deadline";
    ++expiries;
    return {};
  }

  Caller caller() const { return {{"usr_1"}, "user:admin", Role::admin, server_->installation.workspace, "race"}; }

  Chance chance_;
  VirtualClock clock_;
  Scheduler scheduler_{chance_, clock_};
  Host host_;
  SimulatedStore store_{scheduler_, clock_, host_};
  std::unique_ptr<Driver> driver_ = driver_of(host_);
  std::unique_ptr<BlobStore> blobs_ = blobs_of(host_);
  std::unique_ptr<ArchiveReader> reader_ = reader_of(host_);
  FakeImages images_;
  std::unique_ptr<Server> server_;
  memory::Rows start_rows_;
  ResourceId id_;
  Time deadline_{};
  std::optional<Time> promised_;
  bool deleted_ = false;
};

TEST(Races, NoKeepaliveThatWasAnsweredIsBroken) {
  const auto count = from_environment("MAYFLY_RACES", 20'000);
  const auto threads = std::min(jobs(), count);
  std::atomic<std::size_t> promises = 0, expiries = 0, deletes = 0, deaths = 0, broken = 0;
  on_threads(threads, [&](std::uint64_t job) {
    RaceTrack track(1 + job);
    for (auto race = job; race < count && broken == 0; race += threads) {
      const auto what = track.run();
      broken += what.empty() ? 0 : 1;
      EXPECT_EQ(what, "") << "race " << race / threads << " of track " << 1 + job;
    }
    promises += track.promises;
    expiries += track.expiries;
    deletes += track.deletes;
    deaths += track.deaths;
  });
  std::cout << count << " races of keepalive, expiry and delete: " << promises << " keepalives promised, " << expiries
            << " expiries, " << deletes << " deletes, " << deaths << " deaths, " << broken << " broken promises\n";
}

}  // namespace
}  // namespace mayfly::simulation
