#include "core/reconcile.h"

#include <gtest/gtest.h>

namespace mayfly::reconcile {
namespace {

Uuid uid(std::uint8_t number) {
  Uuid uuid;
  uuid.bytes[15] = number;
  return uuid;
}

ResourceId id(std::uint8_t number) { return {"sbx_" + hex(uid(number))}; }

// What the host can show of sandbox 1, and how the row of it can look: generation 3, layer 2.
const Seen process{uid(1), 3, 0, true, false, "process 77"};
const Seen cgroup{uid(1), 3, 0, false, false, "cgroup c"};
const Seen old_process{uid(1), 2, 0, true, false, "process 66"};
const Seen newer_process{uid(1), 4, 0, true, false, "process 88"};
const Seen layer{uid(1), 0, 2, false, false, "layer 2"};
const Seen old_layer{uid(1), 0, 1, false, false, "layer 1"};
const Seen trash{uid(1), 0, 2, false, true, "trash 2"};

Row row(State state) {
  return {id(1), "build", state,
          3,     2,       false, state == State::starting || state == State::stopping || state == State::deleting};
}

/// One that has started once: its files must be there.
Row with_files(State state) {
  auto made = row(state);
  made.has_files = true;
  return made;
}

std::string found(const std::vector<Seen>& seen, const std::vector<Row>& rows) {
  std::string words;
  for (const auto& finding : compare(seen, rows))
    words += (words.empty() ? "" : " ") + std::string(name(finding.trouble));
  return words.empty() ? "nothing" : words;
}

TEST(Reconcile, ComparesEachThingWithEachRow) {
  const struct {
    std::string_view what;
    std::vector<Seen> seen;
    std::vector<Row> rows;
    std::string_view findings;
  } table[] = {
      {"nothing at all", {}, {}, "nothing"},
      {"running as it should", {process, cgroup, layer}, {row(State::running)}, "nothing"},
      {"paused as it should", {process, cgroup, layer}, {row(State::paused)}, "nothing"},
      {"stopped as it should", {layer}, {row(State::stopped)}, "nothing"},
      {"gone as it should", {}, {row(State::gone)}, "nothing"},

      {"the processes of a running one are gone", {cgroup, layer}, {row(State::running)}, "vanished"},
      {"the processes of a paused one are gone", {layer}, {row(State::paused)}, "vanished"},
      {"the machine was restarted", {}, {row(State::running)}, "vanished"},
      {"only an older container is left", {old_process}, {row(State::running)}, "old_generation vanished"},
      {"an older container beside the current one", {old_process, process}, {row(State::running)}, "old_generation"},

      {"a stopped one runs", {process}, {row(State::stopped)}, "should_not_run"},
      {"a stopped one has a container", {cgroup}, {row(State::stopped)}, "should_not_run"},
      {"a failed one runs", {process}, {row(State::failed)}, "should_not_run"},
      {"a requested one runs", {process}, {row(State::requested)}, "should_not_run"},
      {"a gone one runs", {process}, {row(State::gone)}, "should_not_run"},
      {"a stopped one runs in a generation nobody recorded", {newer_process}, {row(State::stopped)}, "should_not_run"},

      {"files of a gone one", {layer}, {row(State::gone)}, "leftover"},
      {"files of a layer that was replaced", {old_layer, layer}, {row(State::stopped)}, "old_layer"},
      {"a stopped one without its files", {}, {with_files(State::stopped)}, "files_missing"},
      {"a stopped one whose files were discarded", {trash}, {with_files(State::stopped)}, "trash files_missing"},
      {"a stopped one with the files of another layer", {old_layer}, {with_files(State::stopped)},
       "old_layer files_missing"},
      {"a failed one without its files", {}, {with_files(State::failed)}, "files_missing"},
      {"one that runs without its files", {process}, {with_files(State::running)}, "files_missing"},
      {"neither files nor processes of a paused one", {}, {with_files(State::paused)}, "files_missing vanished"},
      {"a stopped one with its files", {layer}, {with_files(State::stopped)}, "nothing"},
      {"a gone one without its files", {}, {with_files(State::gone)}, "nothing"},
      {"a deleting one without its files", {}, {with_files(State::deleting)}, "nothing"},
      {"a starting one without its files", {}, {with_files(State::starting)}, "nothing"},
      {"trash of a gone one", {trash}, {row(State::gone)}, "trash"},
      {"trash of a living one", {process, trash, layer}, {row(State::running)}, "trash"},
      {"trash that nobody knows", {trash}, {}, "trash"},

      {"a process that nobody knows", {process}, {}, "unknown"},
      {"files that nobody knows", {layer}, {}, "unknown"},
      {"each thing of a stranger", {process, cgroup, layer}, {}, "unknown unknown unknown"},

      // A worker is at it: the host may be anywhere between, but what is over is over.
      {"starting, and runs already", {process, layer}, {row(State::starting)}, "nothing"},
      {"starting, and does not run yet", {}, {row(State::starting)}, "nothing"},
      {"starting, while the container before is there", {old_process}, {row(State::starting)}, "old_generation"},
      {"stopping, and still runs", {process}, {row(State::stopping)}, "nothing"},
      {"stopping, and nothing is left", {}, {row(State::stopping)}, "nothing"},
      {"deleting, and its files wait in the trash", {trash}, {row(State::deleting)}, "nothing"},
      {"deleting, while the container before is there", {old_process}, {row(State::deleting)}, "old_generation"},
  };
  for (const auto& each : table) EXPECT_EQ(found(each.seen, each.rows), each.findings) << each.what;
}

TEST(Reconcile, AFindingNamesTheThingAndTheSandboxForPeople) {
  const auto findings = compare({old_process}, {row(State::running)});

  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].text, "process 66: generation 2 of " + id(1).text + " (build) is over, 3 is current");
  EXPECT_EQ(findings[0].generation, 2);
  EXPECT_EQ(findings[0].id, id(1));
  EXPECT_EQ(findings[1].text,
            id(1).text + " (build) is recorded as running, but no process of generation 3 exists");
}

TEST(Reconcile, AStrangerHasNoIdButAUid) {
  const auto findings = compare({process}, {});

  ASSERT_EQ(findings.size(), 1u);
  EXPECT_FALSE(findings[0].id);
  EXPECT_EQ(findings[0].uid, uid(1));
  EXPECT_EQ(findings[0].text, "process 77: no sandbox has the uid " + hex(uid(1)));
}

TEST(Reconcile, SandboxesDoNotVouchForEachOther) {
  Row other = row(State::running);
  other.id = id(2);

  // A process of sandbox 1 is no sign of life of sandbox 2, though the generations are equal.
  EXPECT_EQ(found({process}, {row(State::running), other}), "vanished");
}

TEST(Reconcile, ManyStrangersMakeTheDatabaseSuspicious) {
  const struct {
    std::size_t unknown, all;
    bool suspicious;
  } table[] = {
      {0, 0, false},   {1, 1, false},     {10, 10, false},    // a handful may be strangers
      {11, 11, true},  {11, 109, true},   {11, 110, false},   // more than ten, and more than a tenth
      {12, 110, true}, {50, 1000, false}, {500, 1000, true},
  };
  for (const auto& row : table)
    EXPECT_EQ(suspicious(row.unknown, row.all), row.suspicious) << row.unknown << " of " << row.all;
}

}  // namespace
}  // namespace mayfly::reconcile
