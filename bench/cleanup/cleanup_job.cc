// Cleanup under load, every task durable: the store alone, the whole engine, trees, waits at given rates, one workspace
// beside a crowd, and deletes over HTTP. bullmq on Redis stands beside it in the same run.

#include <cstdlib>
#include <filesystem>

#include <fmt/core.h>

#include "../measure.h"
#include "../server.h"
#include "core/lifetime.h"
#include "engine.h"
#include "peer.h"

namespace mayfly::bench {
namespace {

/// MAYFLY_BENCH_SHARE=0.1 takes a tenth of everything, on a machine that others work on.
int scaled(int whole) {
  static const char* wish = std::getenv("MAYFLY_BENCH_SHARE");
  return std::max(1, static_cast<int>(whole * (wish ? std::atof(wish) : 1.0)));
}

const int all_tasks = scaled(200'000), peer_jobs = scaled(20'000), workspaces = 20;
const int roots = scaled(10'000), steps = 10, wide = scaled(100'000);
constexpr int threads = 6;               // as many as the server has for quick work
const int http_deletes = scaled(10'000), http_callers = 16;

double seconds_of(const std::function<void()>& work) { return time_ms(work) / 1000; }

std::string verdict(bool met) { return met ? "met" : "MISSED"; }

ResourceId workspace(int number) { return numbered("wsp_", static_cast<std::uint64_t>(number)); }

std::vector<Task> crowd(Engine& engine, int tasks, int of = workspaces) {
  std::vector<Task> all;
  for (int i = 0; i < tasks; ++i) all.push_back(engine.task(workspace(i % of)));
  return all;
}

void check(const Status& status) {
  if (status) return;
  fmt::print(stderr, "bench: {}\n", status.error().message);
  std::exit(1);
}

/// One thread, claims written and results written, a hundred of each in a commit, as the engine does and without it.
double store_alone() {
  Engine engine(0);
  engine.insert(crowd(engine, all_tasks));
  std::vector<Task> claimed;
  const auto turn = [&](Transaction& t, int which) -> Status {
    for (auto& task : claimed) {
      task.phase = Phase::completed;
      task.completed_at = t.now();
      task.work = {};
      TRY(t.tasks().update(task));
    }
    claimed = TRY(t.tasks().claimable({Lane::fast, workspace(which), Kind::sandbox}, Priority::user, t.now(), 100));
    for (auto& task : claimed) {
      task.phase = Phase::running;
      task.work.claim = 1;
      task.work.attempts = 1;
      task.started_at = t.now();
      TRY(t.tasks().update(task));
    }
    return {};
  };
  const auto before = engine.store->stats().commits;
  const auto took = seconds_of([&] {
    for (int empty = 0, which = 0; empty <= workspaces; which = (which + 1) % workspaces) {
      check(engine.store->write([&](Transaction& t) { return turn(t, which); }));
      empty = claimed.empty() ? empty + 1 : 0;
    }
  });
  const auto commits = static_cast<double>(engine.store->stats().commits - before);
  note(fmt::format("store alone, {} tasks", all_tasks),
       fmt::format("{:.0f} tasks/s, {:.0f} commits/s", all_tasks / took, commits / took));
  return all_tasks / took;
}

double run_engine(Engine& engine, const std::string& what, int tasks) {
  const auto before = engine.store->stats().commits;
  const auto took = seconds_of([&] {
    engine.start();
    engine.drain();
  });
  engine.stop();
  const auto commits = static_cast<double>(engine.store->stats().commits - before);
  note(what, fmt::format("{:.0f} tasks/s, {:.0f} commits/s", tasks / took, commits / took));
  return tasks / took;
}

double whole_engine() {
  Engine engine(threads);
  engine.insert(crowd(engine, all_tasks));
  return run_engine(engine, fmt::format("whole engine, {} tasks", all_tasks), all_tasks);
}

void trees() {
  Engine engine(threads);
  std::vector<Task> all;
  for (int i = 0; i < roots; ++i) {
    auto root = engine.task(workspace(i % workspaces), Verb::delete_sandbox);
    root.phase = Phase::children;
    root.work = {};
    for (int stage = 1; stage <= steps; ++stage) {
      auto step = engine.task(root.workspace);
      step.root = step.parent = root.id;
      step.resource = root.resource;
      step.stage = stage;
      if (stage > 1) {
        step.phase = Phase::waiting;
        step.work = {};
      }
      all.push_back(std::move(step));
    }
    all.push_back(std::move(root));
  }
  engine.insert(all);
  const auto rate = run_engine(engine, fmt::format("{} trees of {} steps", roots, steps), roots * steps);
  note("... trees", fmt::format("{:.0f}/s", rate / steps));
}

void wide_root() {
  Engine engine(threads);
  auto root = engine.task(workspace(0), Verb::delete_volume);
  root.phase = Phase::children;
  root.work = {};
  std::vector<Task> all = {root};
  for (int i = 0; i < wide; ++i) {
    all.push_back(engine.task(workspace(0)));
    all.back().root = all.back().parent = root.id;
    all.back().stage = 1;
  }
  engine.insert(all);
  run_engine(engine, fmt::format("one root with {} children", wide), wide);
}

/// From the instant at which a task should have been added to the beginning of its effect.
Samples waits_at(int per_second, int seconds) {
  Engine engine(threads);
  engine.start();
  const auto begin = engine.clock.now();
  for (int sent = 0; sent < per_second * seconds; ++sent) {
    const auto due = begin + std::chrono::microseconds(std::int64_t{1'000'000} * sent / per_second);
    if (due > engine.clock.now()) std::this_thread::sleep_for(due - engine.clock.now());
    auto task = engine.task(workspace(sent % workspaces));
    task.resource = numbered("sbx_", static_cast<std::uint64_t>(microseconds(due)));
    engine.store->submit(
        [task](Transaction& t) -> Status {
          TRY(t.tasks().insert(task));
          t.wakes.work(Lane::fast);
          return {};
        },
        [](Status) {});
  }
  check(engine.store->write([](Transaction&) { return Status(); }));
  engine.drain();
  engine.stop();
  return {engine.effects.waits_ms()};
}

void latency(const Peer& peer) {
  constexpr int seconds = 5;
  for (const int rate : {100, 1'000, 5'000}) {
    const auto ours = waits_at(rate, seconds);
    std::string beside;
    const Samples theirs{peer.there() ? peer.latency(rate, seconds) : std::vector<double>()};
    if (!theirs.ms.empty()) {
      beside = fmt::format("   bullmq p50 {:.2f} p99 {:.2f} max {:.1f} ms", theirs.p50(), theirs.at(0.99),
                           theirs.at(1));
    }
    const auto aim = rate == 5'000 ? "   aim p99 <= 50 " + verdict(ours.at(0.99) <= 50) : "";
    note(fmt::format("added -> begun at {}/s", rate),
         fmt::format("p50 {:.2f} p99 {:.2f} max {:.1f} ms{}{}", ours.p50(), ours.at(0.99), ours.at(1), beside, aim));
  }
}

void fairness() {
  Engine engine(threads);
  engine.effects.span = std::chrono::milliseconds(1);
  engine.effects.watched = workspace(2);
  engine.insert(crowd(engine, scaled(100'000), 1));
  engine.start();
  const auto began = engine.clock.now();
  int sent = 0;
  for (; engine.clock.now() - began < std::chrono::seconds(15); ++sent) {
    auto task = engine.task(workspace(2));
    task.resource = numbered("sbx_", static_cast<std::uint64_t>(microseconds(engine.clock.now())));
    engine.insert({task});
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  engine.stop();
  const Samples waits{engine.effects.waits_ms()};
  note(fmt::format("1 task/s beside {} of another", scaled(100'000)),
       fmt::format("{} of {} begun, p50 {:.2f} p99 {:.2f} max {:.1f} ms   aim p99 <= 100 {}", waits.ms.size(), sent,
                   waits.p50(), waits.at(0.99), waits.at(1), verdict(waits.at(0.99) <= 100)));
}

/// Stopped ones that have never run: what is measured is that their deletes are accepted.
std::vector<std::string> plant_sandboxes(const std::string& data) {
  MonotonicClock clock;
  UrandomBytes random;
  auto store = SqliteStore::open({.path = data + "/mayfly.db"}, clock);
  std::vector<std::string> ids;
  const auto planted = (*store)->write([&](Transaction& t) -> Status {
    ids.clear();
    const auto home = TRY(t.identities().find_workspace("default"));
    for (int i = 0; i < http_deletes; ++i) {
      Sandbox row;
      row.resource.id = numbered("sbx_", 1'000'000 + static_cast<std::uint64_t>(i));
      row.resource.workspace = row.resource.parent = home->resource.id;
      row.resource.name = "planted-" + std::to_string(i);
      row.resource.state = State::stopped;
      row.resource.created_at = row.resource.updated_at = t.now();
      row.lifetime = lifetime::begin(row.resource.id, State::stopped, {}, t.moment());
      TRY(t.sandboxes().insert(row));
      ids.push_back(row.resource.id.text);
    }
    return {};
  });
  check(planted);
  return ids;
}

void deletes_over_http(const std::string& bin) {
  Server server(bin);
  std::vector<std::string> ids;
  server.stop();
  ids = plant_sandboxes(server.data());
  server.start();
  {
    auto admin = server.client();
    call(admin, "POST", "/v1/cleanup-tasks/pause", 200, R"({"reason":"only the accepting is measured"})");
  }
  std::atomic<int> next{0};
  std::vector<Samples> all(static_cast<std::size_t>(http_callers));
  const auto took = seconds_of([&] {
    std::vector<std::thread> callers;
    for (auto& samples : all)
      callers.emplace_back([&] {
        auto client = server.client();
        for (int i; (i = next++) < http_deletes;)
          samples.ms.push_back(time_ms([&] {
            call(client, "DELETE", "/v1/sandboxes/" + ids[static_cast<std::size_t>(i)] + "?archive=false", 202);
          }));
      });
    for (auto& caller : callers) caller.join();
  });
  Samples waits;
  for (const auto& samples : all) waits.ms.insert(waits.ms.end(), samples.ms.begin(), samples.ms.end());
  const auto rate = http_deletes / took;
  note("deletes accepted over HTTP",
       fmt::format("{:.0f}/s at {} callers, p50 {:.2f} p99 {:.2f} max {:.1f} ms   aim >= 5000/s, p99 <= 20 {}", rate,
                   http_callers, waits.p50(), waits.at(0.99), waits.at(1),
                   verdict(rate >= 5'000 && waits.at(0.99) <= 20)));
}

}  // namespace
}  // namespace mayfly::bench

int main(int argc, char** argv) {
  using namespace mayfly::bench;
  if (argc < 3) {
    fmt::print(stderr, "usage: mayfly-bench-cleanup BIN SOURCE [MODULES]\n");
    return 2;
  }
  const std::string bin = argv[1], source = argv[2], modules = argc > 3 ? argv[3] : "";
  const Peer peer(modules, source + "/bench/cleanup/bullmq.mjs");
  const auto alone = store_alone();
  const auto engine = whole_engine();
  const auto theirs = peer.there() ? peer.burn(peer_jobs) : 0;
  if (theirs > 0) {
    note("bullmq, Redis syncs always", fmt::format("{:.0f} jobs/s, of {}", theirs, peer_jobs));
    note("... store alone / bullmq", fmt::format("{:.1f}   aim >= 5 {}", alone / theirs, verdict(alone >= 5 * theirs)));
    note("... whole engine / bullmq",
         fmt::format("{:.1f}   aim >= 2 {}", engine / theirs, verdict(engine >= 2 * theirs)));
  } else {
    note("bullmq", "not installed, or it did not run: no ratio");
  }
  trees();
  wide_root();
  latency(peer);
  fairness();
  deletes_over_http(bin);
  return 0;
}
