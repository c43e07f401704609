// Output that does not fit in memory, readers that are slow or leave, and a server that stops meanwhile.

#include <future>

#include "e2e/streaming.h"

namespace mayfly::test {
namespace {

TEST_F(Streaming, ACommandIsToldFromItsStartToItsEnd) {
  const auto records = run("echo out; echo err >&2; printf 'Gr\\303\\274n \\377'; exit 3");

  ASSERT_GE(records.size(), 4u);
  EXPECT_EQ(records.front().at("type"), json::value("started"));
  EXPECT_EQ(records.front().at("process").at("running"), json::value(true));
  EXPECT_EQ(joined(records, "stdout"), "out\nGr\xc3\xbcn \xff");
  EXPECT_EQ(joined(records, "stderr"), "err\n");
  EXPECT_EQ(records.back().at("type"), json::value("exit"));
  EXPECT_EQ(records.back().at("exit_code"), json::value(3));
  EXPECT_EQ(records.back().at("timed_out"), json::value(false));
  EXPECT_TRUE(records.back().at("signal").is_null());
}

TEST_F(Streaming, ACharacterIsNeverCutInTwo) {
  const auto records = run("printf '\\303'; sleep 0.2; printf '\\274\\360\\237'; sleep 0.2; printf '\\230\\200'");

  EXPECT_EQ(joined(records, "stdout"), "\xc3\xbc\xf0\x9f\x98\x80");
  for (const auto& record : records) EXPECT_FALSE(record.contains("data_base64")) << boost::json::serialize(record);
}

TEST_F(Streaming, EventsCarryTheSameRecords) {
  const auto answer = stream({{"command", "echo hello; kill -9 $$"}}, {{"Accept", "text/event-stream"}});

  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(*http::find(answer.headers, "Content-Type"), "text/event-stream");
  EXPECT_TRUE(answer.text.starts_with("event: started\ndata: {\"type\":\"started\"")) << answer;
  EXPECT_NE(answer.text.find("event: stdout\ndata: {\"type\":\"stdout\",\"offset\":0,\"data\":\"hello\\n\"}\n\n"),
            std::string::npos)
      << answer;
  EXPECT_NE(answer.text.find("\"signal\":9"), std::string::npos) << answer;
}

TEST_F(Streaming, WhatCannotBeginIsRefusedBeforeTheHead) {
  const struct {
    json::object wish;
    http::Headers headers;
    int status;
    const char* code;
  } rows[] = {
      {{{"command", "true"}}, {{"Idempotency-Key", "k"}}, 400, "stream_not_repeatable"},
      {{{"command", "true"}, {"wait", false}}, {}, 400, "wait_invalid"},
      {{{"command", "true"}, {"cwd", "/nowhere"}}, {}, 400, ""},
      {{{"command", "true"}, {"stdin", "x"}, {"stdin_open", true}}, {}, 400, ""},
      {{{"comand", "true"}}, {}, 400, ""},
  };
  for (const auto& row : rows) {
    auto headers = row.headers;
    headers.emplace_back("Accept", "application/x-ndjson");
    const auto answer = stream(row.wish, headers);
    EXPECT_EQ(answer.status, row.status) << answer;
    if (*row.code) { EXPECT_EQ(answer.string("code"), row.code) << answer; }
  }
}

TEST_F(Streaming, AGigabyteOfOutputPassesInConstantMemory) {
  const auto inside = agent();
  // What the first stream of all takes once.
  run("head -c 1048576 /dev/zero | tr '\\0' x > /mebibyte; for i in $(seq 8); do cat /mebibyte; done");
  Watch server(server_.pid()), agent_watch(inside);
  std::int64_t bytes = 0;
  http::Client client(server_.url(), {{"Authorization", std::string("Bearer ") + Server::key}});
  http::ClientRequest request{.method = "POST", .path = Api::of(sandbox_, "exec"), .timeout = 300s};
  request.headers = {{"Accept", "application/x-ndjson"}};
  request.body = R"({"command":"for i in $(seq 1024); do cat /mebibyte; done"})";
  std::string tail;
  request.download = [&](std::string_view piece) {
    bytes += static_cast<std::int64_t>(piece.size());
    tail += piece.substr(piece.size() - std::min<std::size_t>(piece.size(), 500));
    tail.erase(0, tail.size() - std::min<std::size_t>(tail.size(), 1000));
    return true;
  };

  const auto answer = client.call(request);

  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_GT(bytes, 1024 * mebibyte);
  EXPECT_NE(tail.find("\"stdout_bytes\":1073741824"), std::string::npos) << tail;
  EXPECT_LT(server.grown_kb(), growth_kb);
  EXPECT_LT(agent_watch.grown_kb(), growth_kb);
}

TEST_F(Streaming, AReaderThatStopsStopsTheCommandAndNobodyElse) {
  auto reader = raw_exec("head -c 1073741824 /dev/zero; touch /written");
  reader.until("\"type\":\"stdout\"");

  ASSERT_TRUE(comes_true([&] { return api().output(sandbox_, "echo still here") == "still here\n"; }));
  std::this_thread::sleep_for(500ms);
  const auto stopped_at = process(1).at("stdout_bytes").to_number<std::int64_t>();
  EXPECT_LT(stopped_at, 64 * mebibyte) << "what sockets and buffers hold";
  EXPECT_EQ(process(1).at("running"), json::value(true));

  { const auto gone = std::move(reader); }
  EXPECT_TRUE(comes_true([&] { return process(1).at("running") == json::value(false); }, 60s)) << "it goes on alone";
  EXPECT_EQ(api().output(sandbox_, "ls /written"), "/written\n");
}

TEST_F(Streaming, AProcessIsFollowedWithBothStreams) {
  const auto id = api().post(Api::of(sandbox_, "exec"),
                             json::object{{"command", "echo one; echo two >&2; sleep 0.3; echo three; exit 5"},
                                          {"wait", false}}).at("id").as_int64();
  const auto path = Api::of(sandbox_, "processes/" + std::to_string(id) + "/logs?follow=true");

  const auto all = api().call("GET", path, {}, {{"Accept", "application/x-ndjson"}});
  const auto part = api().call("GET", path + "&stdout_offset=2&stderr_offset=4", {},
                               {{"Accept", "application/x-ndjson"}});
  const auto bytes = api().get(path);

  EXPECT_EQ(joined(records_in(all.text), "stdout"), "one\nthree\n") << all;
  EXPECT_EQ(joined(records_in(all.text), "stderr"), "two\n");
  EXPECT_EQ(records_in(all.text).back().at("exit_code"), json::value(5));
  EXPECT_EQ(joined(records_in(part.text), "stdout"), "e\nthree\n");
  EXPECT_EQ(joined(records_in(part.text), "stderr"), "");
  EXPECT_EQ(bytes.text, "one\nthree\n");
}

TEST_F(Streaming, WhatTheLogHasLostIsTold) {
  ASSERT_EQ(api().exec(sandbox_, "head -c 3145728 /dev/zero").status, 200);

  const auto answer = api().call("GET", Api::of(sandbox_, "processes/1/logs?follow=true"), {},
                                 {{"Accept", "application/x-ndjson"}});

  const auto records = records_in(answer.text);
  ASSERT_GE(records.size(), 3u) << answer;
  EXPECT_EQ(records[1], (json::object{{"type", "dropped"}, {"stream", "stdout"}, {"bytes", 2097152}}));
  EXPECT_EQ(joined(records, "stdout").size(), 1u << 20);
}

TEST_F(Streaming, ARunningProcessIsFedUntilItsInputIsClosed) {
  const auto id = api().post(Api::of(sandbox_, "exec"),
                             json::object{{"command", "while read x; do echo \"<$x>\"; done; echo end"},
                                          {"stdin_open", true}, {"wait", false}}).at("id").as_int64();
  const auto path = Api::of(sandbox_, "processes/" + std::to_string(id) + "/stdin");

  const auto first = api().call("POST", path, "one\ntw");
  const auto second = api().call("POST", path + "?close=true", "o\n");
  const auto log = api().get(Api::of(sandbox_, "processes/" + std::to_string(id) + "/logs?follow=true"));
  const auto third = api().call("POST", path, "more");

  EXPECT_EQ(first.text, R"({"written":6,"closed":false})");
  EXPECT_EQ(second.text, R"({"written":2,"closed":true})");
  EXPECT_EQ(log.text, "<one>\n<two>\nend\n");
  EXPECT_EQ(third.status, 409);
  EXPECT_EQ(third.string("code"), "stdin_closed");
  EXPECT_EQ(*http::find(third.headers, "X-Stdin-Written"), "0");
  EXPECT_EQ(api().call("POST", path, "x", {{"Idempotency-Key", "k"}}).string("code"), "stream_not_repeatable");
}

TEST_F(Streaming, AProcessThatDoesNotReadIsToldOfAndNothingIsLost) {
  const auto id = api().post(Api::of(sandbox_, "exec"), json::object{
      {"command", "while [ ! -e /go ]; do sleep 0.1; done; wc -c > /count"}, {"stdin_open", true}, {"wait", false}})
                      .at("id").as_int64();
  const auto path = Api::of(sandbox_, "processes/" + std::to_string(id) + "/stdin");

  const auto full = api().call("POST", path, std::string(200'000, 'x'));

  EXPECT_EQ(full.status, 504) << full;
  EXPECT_EQ(full.string("code"), "stdin_full");
  // A pipe counts in pages, which pieces fill as they come.
  const auto written = *http::find(full.headers, "X-Stdin-Written");
  EXPECT_GT(std::stol(written), 4096);
  EXPECT_LE(std::stol(written), 65536);
  EXPECT_EQ(api().exec(sandbox_, "touch /go").status, 200);
  EXPECT_EQ(api().call("POST", path + "?close=true").status, 200);
  EXPECT_TRUE(comes_true([&] { return api().output(sandbox_, "cat /count") == written + "\n"; }));
}

TEST_F(Streaming, ManyFollowersAreBoundedAndTheOthersAreServed) {
  ASSERT_EQ(api().post(Api::of(sandbox_, "exec"), json::object{{"command", "sleep 600"}, {"wait", false}}).status, 202);
  const auto follow = head_of("GET", Api::of(sandbox_, "processes/1/logs?follow=true"),
                              "Accept: application/x-ndjson\r\n\r\n");
  std::vector<std::unique_ptr<Raw>> readers;
  int begun = 0, refused = 0;

  for (int i = 0; i < 200; ++i) {
    readers.push_back(std::make_unique<Raw>(server_.port(), follow));
    const auto head = readers.back()->until("\r\n\r\n");
    begun += head.starts_with("HTTP/1.1 200");
    refused += head.starts_with("HTTP/1.1 429");
  }

  EXPECT_EQ(begun, 43) << "a third of all";
  EXPECT_EQ(refused, 157);
  const auto made = api().post("/v1/keys", json::object{{"name", "another"}});
  auto other = server_.connect_with({{"Authorization", "Bearer " + made.string("secret")}});
  const auto served = other.call("POST", Api::of(sandbox_, "exec"), R"({"command":"echo served"})",
                                 {{"Accept", "application/x-ndjson"}});
  EXPECT_EQ(joined(records_in(served.text), "stdout"), "served\n") << served;
  EXPECT_EQ(api().output(sandbox_, "echo here"), "here\n");
  readers.clear();
  EXPECT_TRUE(comes_true([&] { return stream({{"command", "true"}}).status == 200; })) << "their places come back";
}

TEST_F(Streaming, AStopAnswersThoseWhoWait) {
  auto follower = raw_exec("echo begun; sleep 600");
  ASSERT_NE(follower.until("begun").find("begun"), std::string::npos);
  auto waiting = std::async(std::launch::async, [connection = server_.connect(), this]() mutable {
    return connection.exec(sandbox_, "touch /waiting; sleep 600");
  });
  auto quick = std::async(std::launch::async, [connection = server_.connect(), this]() mutable {
    return connection.exec(sandbox_, "touch /quick; while [ ! -e /go ]; do sleep 0.02; done; echo done");
  });
  ASSERT_TRUE(comes_true([&] { return api().output(sandbox_, "ls /waiting /quick") == "/quick\n/waiting\n"; }));
  ASSERT_EQ(api().exec(sandbox_, "(sleep 0.3; touch /go) > /dev/null 2>&1 &").status, 200);

  server_.stop();

  const auto told = waiting.get();
  EXPECT_EQ(told.status, 503) << told;
  EXPECT_EQ(told.string("code"), "stopping") << told;
  EXPECT_EQ(quick.get().string("stdout"), "done\n") << "what ends soon is waited for";
  const auto last = follower.until("\r\n0\r\n");
  EXPECT_NE(last.find("\"code\":\"stopping\""), std::string::npos) << last;
  ASSERT_TRUE(server_.start()) << server_.log();
  EXPECT_EQ(process(1).at("running"), json::value(true)) << "the command goes on";
}

TEST_F(Streaming, TheClientPassesOnInputOutputAndExitCode) {
  const auto ran = mayfly({"--url", server_.url(), "--key-file", key_file(), "exec", sandbox_, "--", "sh", "-c",
                           "echo out; printf '\\377'; echo err >&2; exit 7"});
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_EQ(ran.out, "out\n\xff");
  EXPECT_EQ(ran.err, "err\n");

  const auto logs = mayfly({"--url", server_.url(), "--key-file", key_file(), "logs", sandbox_, "1", "--follow"});
  EXPECT_EQ(logs.out, "out\n\xff") << logs.err;
  EXPECT_EQ(logs.err, "err\n");
}

}  // namespace
}  // namespace mayfly::test
