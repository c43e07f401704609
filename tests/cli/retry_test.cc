// Changing calls whose answer was lost, or that came at a bad moment, are asked again under one key.

#include <set>

#include "cli/fake_server.h"

namespace mayfly::cli {
namespace {

std::set<std::string> keys_of(FakeServer& server) {
  std::set<std::string> keys;
  for (std::size_t i = 0; i < server.asked().size(); ++i) {
    const auto request = server.request(i);
    const auto* key = request.header("Idempotency-Key");
    keys.insert(key ? *key : "none");
  }
  return keys;
}

TEST(Retry, ABusyServerIsAskedAgainUnderTheSameKey) {
  FakeServer server;
  server.problem("DELETE", "/v1/sandboxes/{id}", 503, "overloaded", "too much");
  server.answer("DELETE", "/v1/sandboxes/{id}", 202, sandbox_json("a", "deleting"));

  const auto ran = server.run({"rm", "a"});

  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(server.asked().size(), 2u);
  const auto keys = keys_of(server);
  EXPECT_EQ(keys.size(), 1u);
  EXPECT_FALSE(keys.contains("none"));
}

TEST(Retry, EndsAfterAFewTries) {
  FakeServer server;
  server.problem("DELETE", "/v1/sandboxes/{id}", 503, "overloaded", "too much");

  const auto ran = server.run({"rm", "a"});

  EXPECT_EQ(ran.code, 1) << ran.err;
  EXPECT_EQ(server.asked().size(), 4u);
}

TEST(Retry, WhatWasRefusedForGoodIsAskedOnce) {
  FakeServer server;
  server.problem("DELETE", "/v1/sandboxes/{id}", 409, "call_in_flight", "another one's");
  server.problem("POST", "/v1/sandboxes", 503, "start_failed", "it did not start");
  server.problem("GET", "/v1/sandboxes/{id}", 503, "overloaded", "too much");

  EXPECT_EQ(server.run({"rm", "a"}).code, 4);
  EXPECT_EQ(server.run({"create"}).code, 1);
  EXPECT_EQ(server.run({"get", "a"}).code, 1);

  EXPECT_EQ(server.asked().size(), 3u);
}

TEST(Retry, TwoCommandsHaveTwoKeys) {
  FakeServer server;
  server.answer("DELETE", "/v1/sandboxes/{id}", 202, sandbox_json("a", "deleting"));

  server.run({"rm", "a"});
  server.run({"rm", "a"});

  EXPECT_EQ(keys_of(server).size(), 2u);
}

}  // namespace
}  // namespace mayfly::cli
