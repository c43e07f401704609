#include "api/problem.h"

#include <gtest/gtest.h>

#include "api/native/render.h"
#include "json/reader.h"

namespace mayfly::api {
namespace {

const std::string uid = "019aa5c2f1d07c3e8b0a5d3f61c2e7b4";
const std::string met = "connect to the agent of 0a1b2c3d-" + uid + "-2 at /var/lib/mayfly/run/" + uid +
                        "-2/agent.sock: Connection refused";
const std::string told = "connect to the agent of sbx_" + uid + " at (a path of the host): Connection refused";

TEST(Problem, TellsNothingOfTheHost) {
  const auto response = problem({Code::unavailable, met, {}, {}}, "req-1");

  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(json::parse(response.body)->at("detail").as_string(), told);
}

TEST(Problem, IsUtf8WhateverTheMessageHolds) {
  const auto response = problem({Code::invalid, "no \xff here", {}, {{"path.\xff", "text", "\xff"}}}, "req-1");

  const auto body = json::parse(response.body);
  ASSERT_TRUE(body) << response.body;
  EXPECT_EQ(body->at("detail").as_string(), "no \xef\xbf\xbd here");
}

TEST(Rendering, OfWhatATaskOrAMoveHasMetTellsNothingOfTheHost) {
  Task task;
  task.work.last_error = met;
  Sandbox sandbox;
  sandbox.work.last_error = met;
  Event event;
  event.data["error"] = met;

  EXPECT_EQ(native::render(task).at("last_error").as_string(), told);
  EXPECT_EQ(native::render(sandbox).at("error").at("message").as_string(), told);
  EXPECT_EQ(native::render(event).at("data").at("error").as_string(), told);
}

}  // namespace
}  // namespace mayfly::api
