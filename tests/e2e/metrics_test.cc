// What an operator asks /metrics.

#include <regex>
#include <sstream>


#include "e2e/server.h"

namespace mayfly::test {
namespace {

class Metrics : public Served {
 protected:
  /// The value of one sample, name and labels as they stand; nothing when there is none.
  std::optional<double> sample(const std::string& name) {
    const auto text = "\n" + api().get("/metrics").text;
    const auto at = text.find("\n" + name + " ");
    if (at == std::string::npos) return std::nullopt;
    return std::stod(text.substr(at + name.size() + 2));
  }
};

TEST_F(Metrics, AnswerWhatLivesWhatItCostAndWhoAsked) {
  const auto id = given_sandbox();
  EXPECT_EQ(api().get("/v1/sandboxes/none").status, 404);

  EXPECT_EQ(sample("mayfly_sandboxes{state=\"running\"}"), 1);
  EXPECT_EQ(sample("mayfly_driver_call_seconds_count{call=\"start\"}"), 1);
  EXPECT_EQ(sample("mayfly_driver_errors_total{call=\"start\"}"), 0);
  EXPECT_EQ(sample("mayfly_http_requests_total{route=\"GET /v1/sandboxes/{id}\",status=\"4xx\"}"), 1);
  EXPECT_GT(sample("mayfly_store_commit_seconds_count").value_or(0), 0);
  EXPECT_EQ(sample("mayfly_expiry_lateness_seconds_count"), 0);

  EXPECT_EQ(api().call("PUT", Api::of(id, "expiry"), R"({"max_age_seconds":600})").status, 200);
  advance(601);
  EXPECT_TRUE(comes_true([&] { return api().state(id) == "gone"; }));

  EXPECT_EQ(sample("mayfly_expiry_lateness_seconds_count"), 1);
  EXPECT_EQ(sample("mayfly_expiry_lateness_seconds_bucket{le=\"+Inf\"}"), 1);
  EXPECT_GT(sample("mayfly_archived_bytes_total").value_or(0), 0);
  EXPECT_GT(sample("mayfly_freed_bytes_total").value_or(0), 0);
  EXPECT_EQ(sample("mayfly_sandboxes{state=\"running\"}"), std::nullopt);
}

TEST_F(Metrics, AreTextThatPrometheusReads) {
  const auto text = api().get("/metrics").text;
  const std::regex line(R"(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.]+)");
  std::istringstream lines(text);
  for (std::string each; std::getline(lines, each);) EXPECT_TRUE(std::regex_match(each, line)) << each;
}

}  // namespace
}  // namespace mayfly::test
