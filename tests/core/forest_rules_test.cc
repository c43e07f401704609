// What lies in what, how long the trash keeps it, and what a hold keeps.

#include <gtest/gtest.h>

#include "core/cleanup.h"
#include "core/hold.h"
#include "core/record.h"
#include "core/trash.h"

namespace mayfly {
namespace {

using namespace std::chrono_literals;

std::string names(const std::vector<Kind>& kinds) {
  std::string text;
  for (const auto kind : kinds) text += (text.empty() ? "" : " ") + std::string(describe(kind).name);
  return text;
}

TEST(Forest, EveryKindLiesInOneThing) {
  EXPECT_EQ(names(kinds_in(Kind::organization)), "workspace image");
  EXPECT_EQ(names(kinds_in(Kind::workspace)), "sandbox archive volume app database runtime");
  EXPECT_EQ(names(kinds_in(Kind::app)), "element");
  for (const auto kind : {Kind::element, Kind::sandbox, Kind::archive, Kind::volume, Kind::database, Kind::image})
    EXPECT_EQ(names(kinds_in(kind)), "") << describe(kind).name;
}

TEST(Forest, WhatHoldsOthersIsEmptiedBeforeItIsForgotten) {
  const auto steps = [](Kind kind) {
    std::string text;
    for (const auto& step : cleanup::steps_for(kind, {.archive = false}))
      text += std::to_string(step.stage) + " " + std::string(name(step.verb)) + ", ";
    return text;
  };
  EXPECT_EQ(steps(Kind::workspace), "1 empty_workspace, 2 confirm_workspace, 3 forget_workspace, ");
  EXPECT_EQ(steps(Kind::app), "1 empty_app, 2 confirm_app, 3 forget_app, ");
  EXPECT_EQ(steps(Kind::element), "1 forget_element, ");
  EXPECT_EQ(steps(Kind::database), "2 destroy_database, 3 confirm_database, 4 forget_database, ");
  for (const auto kind : {Kind::workspace, Kind::app})
    EXPECT_EQ(act_of(cleanup::steps_for(kind, {}).front().verb) == Act::empty, !kinds_in(kind).empty());
}

TEST(Trash, TiersAreDaysAndOneIsForEver) {
  const struct {
    std::string_view word;
    std::optional<Duration> kept;
  } rows[] = {{"short", 7 * 24h}, {"medium", 30 * 24h}, {"long", 90 * 24h}, {"none", std::nullopt}};
  for (const auto& row : rows) {
    const auto tier = parse_tier(row.word);
    ASSERT_TRUE(tier) << row.word;
    EXPECT_EQ(name(*tier), row.word);
    EXPECT_EQ(retention_of(*tier), row.kept) << row.word;
  }
  EXPECT_FALSE(parse_tier("for ever"));
}

TEST(Holds, StandUntilTheirEndOrSomebodyEndsThem) {
  Hold hold;
  const auto at = [](int seconds) { return service_time(std::int64_t{seconds} * 1'000'000); };
  EXPECT_TRUE(stands(hold, at(5)));
  hold.expires_at = at(6);
  EXPECT_TRUE(stands(hold, at(5)));
  EXPECT_FALSE(stands(hold, at(6)));
  hold.expires_at.reset();
  hold.ended_at = at(1);
  EXPECT_FALSE(stands(hold, at(5)));
}

TEST(Holds, KeepTheirThingAndWhatItLiesIn) {
  Hold hold;
  hold.resource = {"elm_1"};
  hold.parent = {"app_1"};
  hold.workspace = {"wsp_1"};
  for (const auto* id : {"elm_1", "app_1", "wsp_1"}) EXPECT_TRUE(keeps(hold, {id})) << id;
  for (const auto* id : {"elm_2", "app_2", "wsp_2"}) EXPECT_FALSE(keeps(hold, {id})) << id;
}

TEST(Records, HaveNamesThatCanBeRead) {
  for (const auto& fine : {std::string("Notes"), std::string("ä b/c"), std::string(100, 'x')})
    EXPECT_TRUE(check_record_name(fine)) << fine;
  for (const auto& bad : {std::string(), std::string("a\nb"), std::string("\x7f"), std::string(101, 'x')})
    EXPECT_FALSE(check_record_name(bad)) << bad;
}

}  // namespace
}  // namespace mayfly
