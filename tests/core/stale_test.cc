#include "core/stale.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace mayfly {
namespace {

constexpr Time noon = service_time(1'790'000'000'000'000);

Sandbox used_at(Time at) {
  Sandbox sandbox;
  sandbox.resource.labels = {{"team", "ml"}, {"env", "test"}};
  sandbox.spec.image = "debian";
  sandbox.spec.image_digest = "sha256:d";
  sandbox.lifetime.active_at = at;
  set_state(sandbox, State::running);
  return sandbox;
}

TEST(Stale, IsDecidedByTheFirstRuleThatDoesNotFit) {
  const auto ago = [](Duration age) { return used_at(noon - age); };
  const auto in_state = [](State state) {
    auto sandbox = used_at(noon - 2h);
    set_state(sandbox, state);
    return sandbox;
  };
  const StaleRule plain{.inactive = 1h, .labels = {}, .image = {}, .states = {}};
  const auto with_labels = [&](Labels labels) { auto rule = plain; rule.labels = std::move(labels); return rule; };
  const auto with_image = [&](std::string image) { auto rule = plain; rule.image = std::move(image); return rule; };
  const auto with_states = [&](std::vector<State> states) {
    auto rule = plain;
    rule.states = std::move(states);
    return rule;
  };
  const struct {
    std::string_view what;
    Sandbox sandbox;
    StaleRule rule;
    std::string_view reason;
  } table[] = {
      {"long unused", ago(2h), plain, "inactive"},
      {"exactly as long as asked counts", ago(1h), plain, "inactive"},
      {"a microsecond less does not", ago(1h - 1us), plain, "not_stale"},
      {"used this very moment", ago(0s), plain, "not_stale"},
      {"used after the look began", ago(-5s), plain, "not_stale"},
      {"zero takes all", ago(0s), StaleRule{}, "inactive"},
      {"on its way out", in_state(State::deleting), plain, "state_deleting"},
      {"gone", in_state(State::gone), plain, "state_gone"},
      {"gone, whatever states are asked for", in_state(State::gone), with_states({State::gone}), "state_gone"},
      {"stopped ones too, unless said otherwise", in_state(State::stopped), plain, "inactive"},
      {"a state that is asked for", in_state(State::stopped), with_states({State::paused, State::stopped}), "inactive"},
      {"a state that is not", in_state(State::running), with_states({State::paused, State::stopped}), "state_differs"},
      {"labels that match", ago(2h), with_labels({{"team", "ml"}}), "inactive"},
      {"all of them", ago(2h), with_labels({{"team", "ml"}, {"env", "test"}}), "inactive"},
      {"one that differs", ago(2h), with_labels({{"team", "ml"}, {"env", "live"}}), "labels_differ"},
      {"one that is not there", ago(2h), with_labels({{"owner", ""}}), "labels_differ"},
      {"the image by name", ago(2h), with_image("debian"), "inactive"},
      {"the image by digest", ago(2h), with_image("sha256:d"), "inactive"},
      {"another image", ago(2h), with_image("busybox"), "image_differs"},
  };
  for (const auto& row : table) {
    const auto verdict = judge(row.sandbox, row.rule, noon);
    EXPECT_EQ(verdict.reason, row.reason) << row.what;
    EXPECT_EQ(verdict.stale, row.reason == "inactive") << row.what;
  }
}

TEST(Stale, SaysHowLongUnusedAndWhenItWouldBeDue) {
  const auto verdict = judge(used_at(noon - 20min), {.inactive = 1h, .labels = {}, .image = {}, .states = {}}, noon);

  EXPECT_FALSE(verdict.stale);
  EXPECT_EQ(verdict.inactive, Duration(20min));
  EXPECT_EQ(verdict.eligible_at, noon + 40min);
}

RC_GTEST_PROP(Stale, WhatIsNotStaleBecomesSoExactlyWhenItSays, ()) {
  const auto sandbox = used_at(noon - Duration(*rc::gen::inRange(0, 1'000'000)));
  StaleRule rule;
  rule.inactive = Duration(*rc::gen::inRange(0, 2'000'000));
  const auto when = judge(sandbox, rule, noon).eligible_at;

  RC_ASSERT(judge(sandbox, rule, when).stale);
  RC_ASSERT(!judge(sandbox, rule, when - 1us).stale);
}

}  // namespace
}  // namespace mayfly
