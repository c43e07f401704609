#include "core/lifecycle.h"

#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/must.h"

namespace mayfly::lifecycle {
namespace {

constexpr int states = static_cast<int>(State::gone) + 1;
constexpr int moves = static_cast<int>(Move::forgotten) + 1;

/// Every move that is legal; whatever does not stand here is refused. `pausing` and `resuming` are states: an intent
/// must be a row, and freezing is an effect.
const std::string legal_moves = R"(
active     delete        deleting
writing    delete        deleting
requested  begin_start   starting
requested  stop          stopping
requested  delete        deleting
starting   started       running
starting   start_failed  failed
starting   stop          stopping
starting   delete        deleting
running    pause         pausing
running    stop          stopping
running    lost          stopping
running    delete        deleting
pausing    paused        paused
pausing    stop          stopping
pausing    lost          stopping
pausing    delete        deleting
paused     resume        resuming
paused     stop          stopping
paused     lost          stopping
paused     delete        deleting
resuming   resumed       running
resuming   stop          stopping
resuming   lost          stopping
resuming   delete        deleting
stopping   stopped       stopped
stopping   delete        deleting
stopped    start         starting
stopped    delete        deleting
failed     stop          stopping
failed     start         starting
failed     delete        deleting
trashed    delete        deleting
deleting   forgotten     gone
)";

using Machine = std::map<std::pair<std::string, std::string>, std::string>;

Machine written_down() {
  Machine machine;
  std::istringstream lines(legal_moves);
  for (std::string state, move, next; lines >> state >> move >> next;) machine[{state, move}] = next;
  return machine;
}

std::string word(State state) { return std::string(mayfly::name(state)); }
std::string word(Move move) { return std::string(name(move)); }

TEST(Lifecycle, AllowsExactlyTheMovesOfTheTable) {
  Machine found;
  for (int s = 0; s < states; ++s)
    for (int m = 0; m < moves; ++m)
      if (const auto to = next(static_cast<State>(s), static_cast<Move>(m)))
        found[{word(static_cast<State>(s)), word(static_cast<Move>(m))}] = word(*to);

  const Machine table = written_down();
  for (const auto& [from, to] : table)
    EXPECT_EQ(found[from], to) << from.first << " " << from.second << " must be legal";
  for (const auto& [from, to] : found)
    EXPECT_TRUE(table.contains(from)) << from.first << " " << from.second << " must be refused, and gives " << to;
}

TEST(Lifecycle, RefusalsNameTheStateAndTheMoveForPeopleAndPrograms) {
  const Machine table = written_down();
  for (int s = 0; s < states; ++s)
    for (int m = 0; m < moves; ++m) {
      const auto state = word(static_cast<State>(s)), move = word(static_cast<Move>(m));
      if (table.contains({state, move})) continue;

      const auto refused = next(static_cast<State>(s), static_cast<Move>(m));

      ASSERT_FALSE(refused) << state << " " << move;
      EXPECT_EQ(outcome(refused), "conflict state_" + state);
      EXPECT_EQ(refused.error().message, "cannot " + move + " while the state is " + state);
    }
}

TEST(Lifecycle, TheTransitionalStatesAreTheIntents) {
  std::set<std::string> found;
  for (int s = 0; s < states; ++s)
    if (transitional(static_cast<State>(s))) found.insert(word(static_cast<State>(s)));

  EXPECT_EQ(found, (std::set<std::string>{"requested", "starting", "pausing", "resuming", "stopping"}));
}

TEST(Lifecycle, AWorkerIsAtWhatIsAnIntentOrDeleted) {
  std::set<std::string> found;
  for (int s = 0; s < states; ++s)
    if (in_flight(static_cast<State>(s))) found.insert(word(static_cast<State>(s)));

  EXPECT_EQ(found, (std::set<std::string>{"requested", "starting", "pausing", "resuming", "stopping", "deleting"}));
}

TEST(Lifecycle, NothingRunsOfWhatHasNotBegunOrHasEnded) {
  std::set<std::string> quiet;
  for (int s = 0; s < states; ++s)
    if (!may_run(static_cast<State>(s))) quiet.insert(word(static_cast<State>(s)));

  EXPECT_EQ(quiet, (std::set<std::string>{"active", "writing", "requested", "stopped", "failed", "trashed", "gone"}));
}

TEST(Lifecycle, EveryTransitionalStateHasAWayOnThatAWorkerTakes) {
  // Otherwise an intent would stay one for ever.
  const std::set<Move> of_the_worker = {Move::begin_start, Move::started, Move::paused, Move::resumed, Move::stopped};
  for (int s = 0; s < states; ++s) {
    const auto state = static_cast<State>(s);
    if (!transitional(state)) continue;
    const bool goes_on = std::any_of(of_the_worker.begin(), of_the_worker.end(),
                                     [&](Move move) { return next(state, move).has_value(); });
    EXPECT_TRUE(goes_on) << word(state);
  }
}

/// The machine once more, as two flags and a counter instead of a table: what a sandbox does, not what it is called.
struct Reference {
  bool deleting = false, gone = false;
  std::string doing = "requested";

  bool take(Move move) {
    if (gone) return false;
    if (move == Move::ask_delete && !deleting) return deleting = true;
    if (move == Move::forgotten && deleting) return gone = true;
    if (deleting) return false;
    const auto turn = [&](const std::set<std::string>& from, const std::string& to) {
      if (!from.contains(doing)) return false;
      doing = to;
      return true;
    };
    switch (move) {
      case Move::begin_start: return turn({"requested"}, "starting");
      case Move::started: return turn({"starting"}, "running");
      case Move::start_failed: return turn({"starting"}, "failed");
      case Move::ask_pause: return turn({"running"}, "pausing");
      case Move::paused: return turn({"pausing"}, "paused");
      case Move::ask_resume: return turn({"paused"}, "resuming");
      case Move::resumed: return turn({"resuming"}, "running");
      case Move::stopped: return turn({"stopping"}, "stopped");
      case Move::ask_start: return turn({"stopped", "failed"}, "starting");
      case Move::lost: return turn({"running", "pausing", "paused", "resuming"}, "stopping");
      case Move::ask_stop: return doing != "stopping" && doing != "stopped" && turn({doing}, "stopping");
      default: return false;
    }
  }
  std::string state() const { return gone ? "gone" : deleting ? "deleting" : doing; }
};

RC_GTEST_PROP(Lifecycle, AnyStoryEndsWhereTheReferenceMachineEnds, ()) {
  State state = State::requested;
  Reference reference;
  const auto story = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, moves));
  for (const int number : story) {
    const auto move = static_cast<Move>(number);
    const auto to = next(state, move);
    RC_ASSERT(to.has_value() == reference.take(move));
    if (to) state = *to;
    RC_ASSERT(word(state) == reference.state());
  }
}

}  // namespace
}  // namespace mayfly::lifecycle
