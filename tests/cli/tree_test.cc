#include "cli/tree.h"

#include <gtest/gtest.h>

namespace mayfly::cli {

namespace {

const WallTime now = *parse_wall_time("2026-11-21T10:01:00Z");

json::array tasks(const char* text) { return json::parse(text)->as_array(); }

}  // namespace

TEST(CleanupTreeDrawing, ShowsWhoWaitsForWhomAndOnWhatItIsStuck) {
  const auto given = tasks(R"([
    {"id":"r","parent_id":null,"resource_type":"delete_sandbox","resource_id":"sbx_1","stage":0,"status":"in_progress",
     "phase":"children","attempts":0,"started_at":"2026-11-21T10:00:00Z","completed_at":null},
    {"id":"c","parent_id":"r","resource_type":"destroy_sandbox","stage":3,"status":"pending","phase":"waiting"},
    {"id":"a","parent_id":"r","resource_type":"stop_sandbox","stage":1,"status":"completed","phase":"completed",
     "attempts":1,"started_at":"2026-11-21T10:00:00Z","completed_at":"2026-11-21T10:00:00.012Z"},
    {"id":"b","parent_id":"r","resource_type":"archive_sandbox","stage":2,"status":"pending","phase":"backing_off",
     "attempts":4,"last_error":"write layer: No space left on device","error_code":"no_space",
     "started_at":"2026-11-21T10:00:30Z","next_attempt_at":"2026-11-21T10:01:12Z"}])");

  EXPECT_EQ(draw_tree(given, now, {}),
            "delete_sandbox      in_progress (children)  1m 00s                           sbx_1\n"
            "├─ stop_sandbox     completed                 12ms\n"
            "├─ archive_sandbox  pending (backing_off)      30s  4 attempts, next in 12s\n"
            "│     no_space: write layer: No space left on device\n"
            "└─ destroy_sandbox  pending (waiting)\n");
}

TEST(CleanupTreeDrawing, DrawsAStepAloneAndDeeperTrees) {
  EXPECT_EQ(
      draw_tree(tasks(R"([{"id":"b","parent_id":"r","resource_type":"stop_sandbox","status":"failed","phase":"failed",
                                 "attempts":1,"last_error":"no"}])"),
                now, {}),
      "stop_sandbox  failed    1 attempt\n"
      "   no\n");
  const auto deep = tasks(R"([{"id":"1","resource_type":"a"}, {"id":"2","parent_id":"1","resource_type":"b"},
                              {"id":"3","parent_id":"2","resource_type":"c"},
                              {"id":"4","parent_id":"1","resource_type":"d"}])");
  EXPECT_EQ(draw_tree(deep, now, {}),
            "a\n├─ b\n│  └─ c\n└─ d\n");
}

TEST(CleanupTreeDrawing, SurvivesWhatNoServerShouldAnswer) {
  EXPECT_EQ(draw_tree({}, now, {}), "");
  EXPECT_EQ(draw_tree(tasks(R"([1, null, "x"])"), now, {}), "");
  EXPECT_EQ(draw_tree(tasks(R"([{"id":"1","parent_id":"2"},{"id":"2","parent_id":"1"}])"), now, {}), "");
  EXPECT_EQ(draw_tree(tasks(R"([{"id":"1","parent_id":"1","resource_type":"x"}])"), now, {}), "");
  EXPECT_NE(draw_tree(tasks(R"([{"resource_type":"no_id"}])"), now, {}).find("no_id"), std::string::npos);
}

}  // namespace mayfly::cli
