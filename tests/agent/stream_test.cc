// A process as a stream: all of its output to a reader who may be slow, a look at one that runs, and its stdin.

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/given_agent.h"

namespace mayfly::test {
namespace {

using testing::HasSubstr;

struct Heard {
  std::string out, err;
  std::int64_t dropped = 0;
  std::optional<Process> ended;
  std::optional<Error> trouble;
};

/// Everything until the end, or what kept it from coming.
Heard listen(ProcessStream& stream, std::int64_t* counted = nullptr) {
  Heard heard;
  while (!heard.ended && !heard.trouble) {
    auto news = stream.next(20s);
    if (!news) {
      heard.trouble = news.error();
    } else if (news->kind == ProcessNews::Kind::ended) {
      heard.ended = news->process;
    } else if (news->kind == ProcessNews::Kind::output) {
      heard.dropped += news->dropped;
      if (counted) *counted += static_cast<std::int64_t>(news->bytes.size());
      else (news->stream == LogStream::out ? heard.out : heard.err) += news->bytes;
    } else {
      heard.trouble = Error{Code::timed_out, "nothing came", {}, {}};
    }
  }
  return heard;
}

std::unique_ptr<ProcessStream> attached(GivenAgent& agent, const std::string& line, bool stdin_open = false) {
  auto stream = agent.client->attach(agent.here, {.argv = {"/bin/sh", "-c", line}, .stdin_open = stdin_open});
  EXPECT_TRUE(stream) << stream.error().message;
  return stream ? std::move(*stream) : nullptr;
}

TEST(AgentStream, BringsBothStreamsAndTheEnd) {
  GivenAgent agent;

  const auto stream = attached(agent, "echo out; echo err >&2; exit 3");
  const auto heard = listen(*stream);

  EXPECT_EQ(stream->process().id, 1);
  ASSERT_TRUE(heard.ended) << heard.trouble->message;
  EXPECT_EQ(heard.out, "out\n");
  EXPECT_EQ(heard.err, "err\n");
  EXPECT_EQ(heard.ended->exit_code, 3);
  EXPECT_FALSE(heard.ended->running);
  EXPECT_EQ(agent.client->log(agent.here, 1, LogStream::out, 0, 100, 0s)->bytes, "out\n") << "the log has it as well";
}

TEST(AgentStream, IsSilentWhileThereIsNothing) {
  GivenAgent agent;

  const auto stream = attached(agent, "sleep 60");

  EXPECT_EQ(stream->next(20ms)->kind, ProcessNews::Kind::silence);
  EXPECT_EQ(stream->next(0ms)->kind, ProcessNews::Kind::silence);
}

TEST(AgentStream, RefusesWhatCannotStart) {
  GivenAgent agent;

  EXPECT_EQ(agent.client->attach(agent.here, {.argv = {"true"}, .cwd = "/no/such/folder"}).error().code, Code::invalid);
  EXPECT_EQ(agent.client->follow(agent.here, 7, {}).error().code, Code::not_found);
  EXPECT_EQ(listen(*attached(agent, "no-such-program")).ended->exit_code, 127);
}

TEST(AgentStream, AReaderThatDoesNotReadStopsTheProcess) {
  GivenAgent agent;
  constexpr std::int64_t all = 64 << 20;

  const auto stream = attached(agent, "head -c 67108864 /dev/zero; echo written > " + agent.path("marker"));
  agent.printed(1, 64 << 10);
  std::this_thread::sleep_for(300ms);

  EXPECT_EQ(contents(agent.path("marker")), "");
  EXPECT_LT(agent.client->process(agent.here, 1)->stdout_bytes, 4 << 20) << "what lies in pipe, log and socket";
  std::int64_t counted = 0;
  const auto heard = listen(*stream, &counted);
  ASSERT_TRUE(heard.ended);
  EXPECT_EQ(counted, all);
  EXPECT_EQ(heard.dropped, 0);
  EXPECT_EQ(contents(agent.path("marker")), "written\n");
}

TEST(AgentStream, AGigabytePassesInConstantMemory) {
  GivenAgent agent;
  const auto agent_before = agent.memory("VmRSS"), ours_before = memory_of(::getpid(), "VmRSS");

  const auto stream = attached(agent, "head -c 1073741824 /dev/zero");
  std::int64_t counted = 0;
  const auto heard = listen(*stream, &counted);

  ASSERT_TRUE(heard.ended);
  EXPECT_EQ(counted, 1 << 30);
  EXPECT_EQ(heard.dropped, 0);
  EXPECT_LT(agent.memory("VmHWM") - agent_before, 8 << 10);
  EXPECT_LT(memory_of(::getpid(), "VmRSS") - ours_before, 8 << 10);
}

TEST(AgentStream, WhatWasWrittenBeforeTheEndComesAlsoToALateReader) {
  GivenAgent agent;

  const auto stream = attached(agent, "head -c 100000 /dev/zero; head -c 50000 /dev/zero >&2");
  agent.wait(1, 300ms);
  const auto heard = listen(*stream);

  EXPECT_EQ(heard.out.size(), 100'000u);
  EXPECT_EQ(heard.err.size(), 50'000u);
  EXPECT_TRUE(heard.ended);
}

TEST(AgentStream, AFloodOnOneStreamDoesNotHideTheOther) {
  GivenAgent agent;

  const auto stream = attached(agent, "yes >&1 & echo help >&2; sleep 60");
  bool told = false;
  for (int pieces = 0; !told && pieces < 200; ++pieces) told = stream->next(5s)->stream == LogStream::err;

  EXPECT_TRUE(told);
}

TEST(AgentStream, AProcessThatLostItsReaderGoesOnIntoItsLog) {
  GivenAgent agent;

  attached(agent, "head -c 8388608 /dev/zero; echo the end");   // nobody keeps the stream
  const auto ended = agent.wait(1);

  ASSERT_TRUE(ended && !ended->process.running);
  EXPECT_EQ(ended->process.stdout_bytes, (8 << 20) + 8);
  EXPECT_THAT(ended->out.bytes, testing::EndsWith("the end\n"));
  EXPECT_EQ(static_cast<std::int64_t>(ended->out.bytes.size()), Agent::log_limit);
}

TEST(AgentStream, EndsWithItsProcessAlsoWhenOthersHoldItsOutput) {
  GivenAgent agent;

  const auto heard = listen(*attached(agent, "(sleep 60) & yes | head -c 1000; exit 4"));

  ASSERT_TRUE(heard.ended) << heard.trouble->message;
  EXPECT_EQ(heard.ended->exit_code, 4);
  EXPECT_EQ(heard.out.size(), 1000u);
}

TEST(AgentStream, LooksOnAtAProcessThatRunsAndAtOneThatEnded) {
  GivenAgent agent;
  const auto process = agent.spawn_sh("echo two >&2; echo one; sleep 60");
  agent.printed(process.id, 4);

  const auto all = agent.client->follow(agent.here, process.id, {});
  const auto rest = agent.client->follow(agent.here, process.id, {.streams = {true, false}, .from = {2, 0}});
  ASSERT_TRUE(all && rest);
  agent.client->signal(agent.here, process.id, 9);
  const auto heard = listen(**all);
  const auto part = listen(**rest);
  const auto later = agent.client->follow(agent.here, process.id, {.streams = {false, true}, .from = {}});

  EXPECT_THAT(heard.out, HasSubstr("one\n"));
  EXPECT_THAT(heard.err, HasSubstr("two\n"));
  EXPECT_EQ(part.out.substr(0, 2), "e\n");
  EXPECT_EQ(part.err, "");
  ASSERT_TRUE(later);
  const auto old = listen(**later);
  EXPECT_THAT(old.err, HasSubstr("two\n"));
  EXPECT_EQ(old.out, "");
  EXPECT_EQ(old.ended->signal, 9);
}

TEST(AgentStream, WhoOnlyLooksOnStopsNothingAndHearsWhatIsLost) {
  GivenAgent agent;
  const auto process = agent.spawn_sh("head -c 3145728 /dev/zero; sleep 60");
  agent.printed(process.id, 3 << 20);

  const auto stream = agent.client->follow(agent.here, process.id, {});
  ASSERT_TRUE(stream);
  std::int64_t dropped = 0, came = 0;
  while (came + dropped < 3 << 20) {
    const auto news = (*stream)->next(5s);
    ASSERT_TRUE(news && news->kind == ProcessNews::Kind::output);
    dropped += news->dropped;
    came += static_cast<std::int64_t>(news->bytes.size());
  }

  EXPECT_EQ(dropped, 2 << 20);
  EXPECT_EQ(came, 1 << 20);
}

TEST(AgentStream, CanBeCancelledFromAnotherThread) {
  GivenAgent agent;
  const auto stream = attached(agent, "sleep 60");

  std::thread other([&] { stream->cancel(); });
  const auto news = stream->next(20s);
  other.join();

  ASSERT_FALSE(news);
  EXPECT_EQ(news.error().code, Code::unavailable);
  EXPECT_TRUE(agent.client->process(agent.here, 1)->running) << "only its reader has left";
}

TEST(AgentStream, ManyAreOpenAtOnceAndTheNextIsRefused) {
  GivenAgent agent;
  std::vector<std::unique_ptr<ProcessStream>> open;
  agent.spawn_sh("sleep 60");

  Result<std::unique_ptr<ProcessStream>> next = agent.client->follow(agent.here, 1, {});
  for (; next && open.size() < 300; next = agent.client->follow(agent.here, 1, {})) open.push_back(std::move(*next));

  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, Code::exhausted);
  EXPECT_EQ(open.size(), 224u);
  EXPECT_TRUE(agent.client->status(agent.here)) << "who only asks is still answered";
  open.clear();
  EXPECT_TRUE(agent.client->signal(agent.here, 1, 9));
}

TEST(AgentInput, FeedsAProcessThatRuns) {
  GivenAgent agent;

  const auto stream = attached(agent, "while read line; do echo \"<$line>\"; done; echo end", true);
  const auto first = agent.client->feed(agent.here, 1, "one\ntw", false, 5s);
  const auto second = agent.client->feed(agent.here, 1, "o\n", true, 5s);
  const auto heard = listen(*stream);

  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->taken, 6);
  EXPECT_FALSE(first->closed);
  EXPECT_EQ(second->taken, 2);
  EXPECT_TRUE(second->closed);
  EXPECT_EQ(heard.out, "<one>\n<two>\nend\n");
  EXPECT_EQ(agent.client->feed(agent.here, 1, "x", false, 0s).error().reason, "stdin_closed");
}

TEST(AgentInput, BelongsToRunsAndSpawnsToo) {
  GivenAgent agent;

  const auto process = agent.client->spawn(agent.here, {.argv = {"cat"}, .stdin_open = true});
  ASSERT_TRUE(process) << process.error().message;
  const auto run = agent.try_run({.argv = {"cat"}, .token = "t1", .stdin_open = true}, 0s);
  const auto again = agent.try_run({.argv = {"cat"}, .token = "t1", .stdin_open = true}, 0s);

  ASSERT_TRUE(run && again);
  EXPECT_EQ(run->process.id, again->process.id);
  for (const auto id : {process->id, run->process.id}) {
    EXPECT_TRUE(agent.client->feed(agent.here, id, "text", true, 5s));
    EXPECT_EQ(agent.wait(id)->out.bytes, "text");
  }
}

TEST(AgentInput, WaitsForAProcessThatDoesNotReadAndThenSaysHowMuchItTook) {
  GivenAgent agent;
  const auto process = agent.client->spawn(agent.here, {.argv = {"sleep", "60"}, .stdin_open = true});
  const std::string piece(Agent::feed_limit, 'x');

  const auto first = agent.client->feed(agent.here, process->id, piece, false, 50ms);
  const auto second = agent.client->feed(agent.here, process->id, piece, true, 50ms);

  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->taken, 64 << 10) << "the size of a pipe";
  EXPECT_EQ(second->taken, 0);
  EXPECT_FALSE(second->closed);
  EXPECT_TRUE(agent.client->status(agent.here)) << "the others are served meanwhile";
}

TEST(AgentInput, IsRefusedInWordsThatTellWhy) {
  GivenAgent agent;
  agent.spawn_sh("sleep 60");
  const auto deaf = agent.client->spawn(agent.here, {.argv = {"/bin/sh", "-c", "exec <&-; echo deaf; sleep 60"},
                                                     .stdin_open = true});
  agent.printed(deaf->id, 5);

  EXPECT_EQ(agent.client->feed(agent.here, 1, "x", false, 0s).error().reason, "stdin_not_open");
  EXPECT_EQ(agent.client->feed(agent.here, deaf->id, "x", false, 1s).error().reason, "stdin_closed");
  EXPECT_EQ(agent.client->feed(agent.here, 99, "x", false, 0s).error().code, Code::not_found);
  EXPECT_EQ(agent.client->feed(agent.here, 1, std::string(65537, 'x'), false, 0s).error().code, Code::too_large);
}

TEST(AgentInput, OneCallAtATime) {
  GivenAgent agent;
  const auto process = agent.client->spawn(agent.here, {.argv = {"sleep", "60"}, .stdin_open = true});
  ASSERT_TRUE(agent.client->feed(agent.here, process->id, std::string(65536, 'x'), false, 5s));

  std::thread waiting([&] { (void)agent.client->feed(agent.here, process->id, "y", false, 60s); });
  std::string reason;
  while (reason.empty()) {
    const auto other = agent.client->feed(agent.here, process->id, "z", false, 0s);
    if (!other) reason = other.error().reason;
  }
  agent.client->signal(agent.here, process->id, 9);
  waiting.join();

  EXPECT_EQ(reason, "stdin_busy");
}

}  // namespace
}  // namespace mayfly::test
