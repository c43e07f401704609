// The real store on a disk whose power goes at any I/O, again and again. Afterwards every acknowledged transaction is
// there whole, every refused one is not there at all, and what was not answered is there whole or not at all.

#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/given.h"
#include "store/power_vfs.h"
#include "store/sqlite/store.h"

namespace mayfly {
namespace {

constexpr int lanes = 4;
constexpr int most_in_flight = 12;
constexpr int most_transactions = 20'000;

/// What came of a transaction, as its caller was told.
enum Told : char { nothing, fine, refused };

/// Written by the process that dies, read by the one that lives.
struct Book {
  std::atomic<int> submitted;
  std::atomic<char> told[most_transactions + 1];
};

struct Plan {
  bool refuses;       // the closure takes back what it did
  int lane;
  int touched;        // another sandbox, whose deadline it moves; 0: none
};

/// All of a transaction follows from its number.
Plan plan_of(std::uint64_t seed, int number) {
  std::mt19937_64 dice(seed * 1'000'003 + static_cast<std::uint64_t>(number));
  Plan plan;
  plan.refuses = dice() % 8 == 0;
  plan.lane = static_cast<int>(dice() % lanes);
  plan.touched = number > 1 && dice() % 2 == 0 ? 1 + static_cast<int>(dice() % static_cast<unsigned>(number - 1)) : 0;
  return plan;
}

Store::Closure transaction(std::uint64_t seed, int number) {
  return [seed, number](Transaction& t) -> Status {
    const auto plan = plan_of(seed, number);
    auto sandbox = given_sandbox(number, "s" + std::to_string(number));
    sandbox.spec.env = {{"LONG", std::string(static_cast<std::size_t>(number % 5) * 700, 'x')}};
    sandbox.lifetime.expires_at = sandbox.lifetime.wake_at = at(number);
    TRY(t.sandboxes().insert(sandbox));
    TRY(t.settings().put("lane" + std::to_string(plan.lane), std::to_string(number)));
    // One that was refused or lost cannot be moved.
    if (auto life = plan.touched ? t.lifetimes().get(sandbox_id(plan.touched)) : Result<Lifetime>(Lifetime()); life) {
      if (plan.touched) {
        life->expires_at = at(number);
        TRY(t.lifetimes().update(*life));
      }
    } else if (life.error().code != Code::not_found) {
      return tl::unexpected(life.error());
    }
    TRY(t.events().insert(given_event(number)));
    return plan.refuses ? Status(fail(Code::denied, "refused")) : Status();
  };
}

class PowerCut : public ::testing::Test {
 protected:
  PowerCut() {
    void* room = ::mmap(nullptr, sizeof(Book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) std::abort();
    book = static_cast<Book*>(room);
  }
  ~PowerCut() override { ::munmap(book, sizeof(Book)); }

  SqliteOptions options(std::mt19937_64& dice) {
    SqliteOptions options;
    options.path = path;
    options.vfs = disk.name();
    options.readers = 1;
    options.cache_kib = dice() % 2 ? 16 : 2048;
    options.wal_autocheckpoint = dice() % 3 == 0 ? 4 : 200;
    options.idle_checkpoint = std::chrono::milliseconds(dice() % 2 ? 1 : 3'600'000);
    options.idle_frames = 1;
    options.on_unknown_commit = [](const std::string&) {};   // its end is one of those that are looked for
    return options;
  }

  /// One life: transactions in groups of random size, until the power goes or it has had enough.
  void live(std::uint64_t seed, std::uint64_t life, bool lying) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(3);
      std::mt19937_64 dice(life);
      const auto chosen = options(dice);
      disk.live({.seed = life,
                 .cut_at = static_cast<long>(1 + dice() % (dice() % 4 == 0 ? 60 : 1200)),
                 .fault_in = dice() % 3 == 0 ? 40 : 0,
                 .short_reads = dice() % 3 == 0,
                 .lies = lying});
      if (auto store = SqliteStore::open(chosen, clock)) {
        for (int round = 0; round < 30; ++round) {
          const int first = book->submitted + 1;
          const int last = std::min(first + static_cast<int>(dice() % most_in_flight), most_transactions);
          std::atomic<int> waited_for = last - first + 1;
          for (int number = first; number <= last; ++number) {
            book->submitted = number;
            (*store)->submit(transaction(seed, number), [this, number, &waited_for](const Status& status) {
              book->told[number] = status ? fine : refused;
              if (--waited_for == 0) waited_for.notify_one();
            });
          }
          for (int left = waited_for; left > 0; left = waited_for) waited_for.wait(left);
        }
        if (dice() % 2) ::_exit(0);   // without closing: as a kill would
      }
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    disk.cut_power(life);
  }

  /// What of the promises does not hold, each in a sentence.
  std::vector<std::string> broken_promises(std::uint64_t seed) {
    std::vector<std::string> broken;
    const auto claim = [&](bool holds, int number, const char* otherwise) {
      if (!holds) broken.push_back("transaction " + std::to_string(number) + " " + otherwise);
    };
    std::mt19937_64 dice(1);
    disk.live({});
    auto opened = SqliteStore::open(options(dice), clock);
    if (!opened) return {opened.error().message};
    std::map<int, int> moved_by;       // sandbox: the last transaction that moved its deadline
    std::map<int, int> last_of_lane;
    int absent = 0;                    // the last that nobody was told of and that is not there
    const auto looked = (*opened)->read([&](Transaction& t) -> Status {
      for (int number = 1; number <= book->submitted; ++number) {
        const auto plan = plan_of(seed, number);
        const auto row = t.sandboxes().get(sandbox_id(number));
        if (!row && row.error().code != Code::not_found) return tl::unexpected(row.error());
        const bool there = row.has_value();
        const char told = book->told[number];
        claim(told != fine || there, number, "was acknowledged and is lost");
        claim(told != refused || !there, number, "was refused and is there");
        claim(!plan.refuses || !there, number, "took itself back and is there");
        if (told == nothing && !there && !plan.refuses) absent = number;
        claim(told != nothing || !there || absent == 0, number, "is there, and one before it is not");
        // What nobody was told of is decided now, and stays so.
        if (told == nothing) book->told[number] = there ? fine : refused;
        if (!there) continue;
        last_of_lane[plan.lane] = number;
        moved_by[number] = number;
        if (moved_by.contains(plan.touched)) moved_by[plan.touched] = number;
      }
      for (const auto& [lane, number] : last_of_lane)
        claim(TRY(t.settings().get("lane" + std::to_string(lane))) == std::to_string(number), number,
              "is there without its setting");
      for (const auto& [number, by] : moved_by) {
        const auto life = TRY(t.lifetimes().get(sandbox_id(number)));
        claim(life.expires_at == at(by) && life.wake_at == at(number), by, "is there without the deadline it set");
      }
      std::set<int> told_of = TRY(events(t));
      for (const auto& [number, by] : moved_by)
        claim(told_of.erase(number) == 1, number, "is there without its event");
      for (const auto number : told_of) claim(false, number, "is not there, but its event is");
      return {};
    });
    if (!looked) broken.push_back(looked.error().message);
    there_ = static_cast<int>(moved_by.size());
    return broken;
  }

  static Result<std::set<int>> events(Transaction& t) {
    std::set<int> numbers;
    for (Page page{.before = {}, .limit = 500};;) {
      const auto events = TRY(t.events().list({}, page));
      for (const auto& event : events) numbers.insert(std::stoi(event.id.text.substr(30)));
      if (events.size() < page.limit) return numbers;
      page.before = events.back().id.text;
    }
  }

  static unsigned long wish(const char* name, unsigned long otherwise) {
    const char* given = std::getenv(name);
    return given ? std::strtoul(given, nullptr, 10) : otherwise;
  }

  ManualClock clock;
  TemporaryFolder folder;
  std::string path = folder.file("store.db");
  PowerVfs disk{path};
  Book* book = nullptr;
  int there_ = 0;
};

TEST_F(PowerCut, LosesNothingThatWasAcknowledgedAndLeavesNothingHalf) {
  const auto seed = wish("MAYFLY_SEED", std::random_device()());
  SCOPED_TRACE("MAYFLY_SEED=" + std::to_string(seed));
  const auto cuts = wish("MAYFLY_POWER_CUTS", 60);
  std::mt19937_64 lives(seed);

  for (unsigned long cut = 0; cut < cuts && !HasFailure() && book->submitted < most_transactions - 200; ++cut) {
    live(seed, lives(), false);
    EXPECT_EQ(broken_promises(seed), std::vector<std::string>()) << "after cut " << cut;
  }

  std::printf("%d transactions, %d of them there after %lu power cuts\n", book->submitted.load(), there_, cuts);
  EXPECT_GT(there_, static_cast<int>(cuts)) << "too little came to the disk for this to say anything";
}

TEST_F(PowerCut, IsNoticedOnADiskThatLies) {
  std::mt19937_64 lives(1);
  std::vector<std::string> broken;
  for (int cut = 0; cut < 50 && broken.empty(); ++cut) {
    live(1, lives(), true);
    broken = broken_promises(1);
  }

  EXPECT_FALSE(broken.empty()) << "syncs that did nothing went unnoticed";
}

}  // namespace
}  // namespace mayfly
