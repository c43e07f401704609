// An agent that belongs to the guest: whatever it does, a call ends by its deadline with a value or an error.

#include <atomic>
#include <csignal>
#include <functional>
#include <future>
#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <poll.h>
#include <rapidcheck/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/given_agent.h"
#include "base/wire.h"

namespace mayfly::test {
namespace {

using wire::Kind;
using wire::Writer;

/// Serves each connection, one after the other, by `behave` and closes it.
class FakeAgent {
  const TemporaryFolder folder_;

 public:
  const Incarnation here{"test", {}, 1};
  AgentClient client;

  explicit FakeAgent(std::function<void(int)> behave, AgentClientOptions options = {})
      : client([this](const Incarnation&) { return folder_.path + "/agent.sock"; }, options),
        listener_(listen_at(folder_.path + "/agent.sock")),
        behave_(std::move(behave)),
        thread_([this] { serve(); }) {}

  ~FakeAgent() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  Result<RunResult> run() {
    std::promise<Result<RunResult>> done;
    client.run(here, {.argv = {"true"}}, 0s, [&](Result<RunResult> result) { done.set_value(std::move(result)); });
    return done.get_future().get();
  }

 private:
  void serve() {
    for (;;) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      behave_(connection);
      ::close(connection);
    }
  }

  const int listener_;
  const std::function<void(int)> behave_;
  std::thread thread_;
};

bool say(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void until_hung_up(int connection) {
  pollfd watched{connection, POLLRDHUP, 0};
  ::poll(&watched, 1, -1);
}

/// Says these bytes, and then nothing, until the caller goes away.
auto saying(std::string bytes) {
  return [bytes = std::move(bytes)](int connection) {
    say(connection, bytes);
    until_hung_up(connection);
  };
}

Writer some_process() {
  return Writer(Kind::answer)
      .integer(1)
      .integer(42)
      .text("")
      .count(1)
      .text("true")
      .boolean(false)
      .boolean(false)
      .integer(0)
      .integer(0)
      .integer(5)
      .integer(5)
      .integer(3)
      .integer(0);
}

std::string run_reply(std::int64_t size, const std::string& bytes) {
  auto fields = some_process();
  fields.integer(0).integer(size).integer(0).boolean(true).integer(size);
  fields.integer(0).integer(0).integer(0).boolean(true).integer(0);
  return fields.frame() + Writer(Kind::data).text(bytes).frame() + Writer(Kind::end).frame();
}

std::string raw_data(const std::string& bytes) {
  const auto header = wire::encode({Kind::data, wire::Operation::none, static_cast<std::uint32_t>(bytes.size())});
  return std::string(header.begin(), header.end()) + bytes;
}

std::string list_reply(const std::string& name) {
  const auto entry =
      Writer(Kind::data).text(name).integer(0).integer(0).integer(0).integer(0).integer(0).integer(0).text("");
  return Writer(Kind::answer).integer(1).boolean(false).frame() + raw_data(entry.body()) + Writer(Kind::end).frame();
}

/// The codes of a blocking and of a waiting call.
std::string codes(FakeAgent& agent) {
  const auto status = agent.client.status(agent.here);
  const auto run = agent.run();
  return std::string(status ? "fine" : name(status.error().code)) + " " +
         std::string(run ? "fine" : name(run.error().code));
}

std::string codes_of(std::function<void(int)> behave, AgentClientOptions options = {}) {
  FakeAgent agent(std::move(behave), options);
  return codes(agent);
}

TEST(HostileAgent, ThatHangsUpIsUnavailable) {
  EXPECT_EQ(codes_of([](int) {}), "unavailable unavailable");
  EXPECT_EQ(codes_of([](int c) { say(c, Writer(Kind::answer).integer(1).frame().substr(0, 5)); }),
            "unavailable unavailable");
  EXPECT_EQ(codes_of([](int c) { say(c, Writer(Kind::answer).text("a longer text").frame().substr(0, 14)); }),
            "unavailable unavailable");
}

TEST(HostileAgent, ThatSaysNothingOrNotEverythingTimesOut) {
  EXPECT_EQ(codes_of(until_hung_up, Quick::options), "timed_out timed_out");
  EXPECT_EQ(codes_of(saying(std::string(1, '\5')), Quick::options), "timed_out timed_out");
  EXPECT_EQ(codes_of(saying(Writer(Kind::answer).text("a longer text").frame().substr(0, 14)), Quick::options),
            "timed_out timed_out");
}

TEST(HostileAgent, ThatDripsItsAnswerTimesOut) {
  const auto drip = [](int connection) {
    const std::string header = Writer(Kind::answer).text(std::string(1'000'000, 'x')).frame();
    pollfd watched{connection, POLLRDHUP, 0};
    for (const char c : header)
      if (!say(connection, {&c, 1}) || ::poll(&watched, 1, 1) != 0) return;
  };

  EXPECT_EQ(codes_of(drip, Quick::options), "timed_out timed_out");
}

TEST(HostileAgent, ThatSpeaksAnotherLanguageIsAnInternalError) {
  const auto header = [](std::uint32_t length, Kind kind) {
    const auto bytes = wire::encode({kind, wire::Operation::none, length});
    return std::string(bytes.begin(), bytes.end());
  };

  EXPECT_EQ(codes_of(saying("HTTP/1.1 200 OK\r\n\r\n")), "internal internal");
  EXPECT_EQ(codes_of(saying(header(0xffffffff, Kind::answer))), "internal internal");
  EXPECT_EQ(codes_of(saying(header(0, Kind::end))), "internal internal");
  EXPECT_EQ(codes_of(saying(header(3, Kind::data) + "abc")), "internal internal");
  EXPECT_EQ(codes_of(saying(Writer(Kind::request, wire::Operation::status).frame())), "internal internal");
  EXPECT_EQ(codes_of(saying(Writer(Kind::answer).frame() + header(0, Kind::data))), "internal internal");
  EXPECT_EQ(codes_of(saying(Writer(Kind::answer).integer(9).frame() + Writer(Kind::end).frame())), "internal internal");
}

TEST(HostileAgent, MaySayWhatNoOperationSays) {
  FakeAgent agent(saying(wire::error_frame({Code::unauthenticated, "\x1b[2Jgo away\n", "", {}})));

  const auto status = agent.client.status(agent.here);

  EXPECT_EQ(status.error().code, Code::internal);
  EXPECT_EQ(status.error().message, "?[2Jgo away?");
}

TEST(HostileAgent, LogsOfAnotherSizeThanAnnouncedAreNoResult) {
  EXPECT_EQ(codes_of(saying(run_reply(8, "abc"))), "internal fine");  // 8: a text of three with type and length
  EXPECT_EQ(codes_of(saying(run_reply(9, "abc"))), "internal internal");
  EXPECT_EQ(codes_of(saying(run_reply(7, "abc"))), "internal internal");
  EXPECT_EQ(codes_of(saying(run_reply(1 << 21, "abc"))), "internal internal");
  EXPECT_EQ(codes_of(saying(run_reply(-1, "abc"))), "internal internal");
}

TEST(HostileAgent, AFloodEndsAtTheLimit) {
  const auto flood = [](int connection) {
    if (!say(connection, some_process().frame())) return;
    while (say(connection, raw_data(std::string(100'000, 'x')))) {
    }
  };
  FakeAgent agent(flood);

  EXPECT_EQ(agent.run().error().code, Code::internal);
  EXPECT_EQ(agent.client.log(agent.here, 1, LogStream::out, 0, 10, 0s).error().code, Code::internal);
  EXPECT_EQ(agent.client.tree(agent.here, "/").error().code, Code::internal);
  EXPECT_EQ(agent.client.processes(agent.here).error().code, Code::internal);
}

TEST(HostileAgent, NamesThatLeadElsewhereAreNoEntries) {
  for (const std::string name : {"", "..", ".", "../x", "/etc", "a/../b", "a//b", "a/", "a/./b"}) {
    FakeAgent agent(saying(list_reply(name)));
    EXPECT_EQ(agent.client.tree(agent.here, "/").error().code, Code::internal) << name;
    EXPECT_EQ(agent.client.list(agent.here, "/").error().code, Code::internal) << name;
  }
  FakeAgent agent(saying(list_reply("a/b")));
  EXPECT_TRUE(agent.client.tree(agent.here, "/"));
  EXPECT_EQ(agent.client.list(agent.here, "/").error().code, Code::internal);
}

TEST(HostileAgent, AnswersAboutAnotherProcessAreRefused) {
  FakeAgent agent(saying(some_process().frame()));

  EXPECT_TRUE(agent.client.process(agent.here, 1));
  EXPECT_EQ(agent.client.process(agent.here, 2).error().code, Code::internal);
}

Result<std::string> read_all(FakeAgent& agent, std::int64_t length) {
  return agent.client.read(agent.here, "/f", 0, length).and_then([](std::unique_ptr<Source> source) {
    return drain(*source);
  });
}

TEST(HostileAgent, AFileIsNoLongerThanAskedForAndEndsOnlyByItsEnd) {
  const auto start = Writer(Kind::answer).integer(-1).frame();
  const auto end = Writer(Kind::end).frame();
  const auto read = [](std::string reply, std::int64_t length, AgentClientOptions options = {}) {
    FakeAgent agent(saying(std::move(reply)), options);
    const auto bytes = read_all(agent, length);
    return bytes ? *bytes : std::string(name(bytes.error().code));
  };

  EXPECT_EQ(read(start + raw_data("abc") + raw_data("d") + end, -1), "abcd");
  EXPECT_EQ(read(start + raw_data("abc") + raw_data("d") + end, 4), "abcd");
  EXPECT_EQ(read(start + raw_data("abc") + raw_data("d") + end, 3), "internal");
  EXPECT_EQ(read(start + raw_data("abc"), -1, Quick::options), "timed_out");
  EXPECT_EQ(read(start + raw_data("abc").substr(0, 9), -1, Quick::options), "timed_out");
  EXPECT_EQ(read(start + raw_data(""), -1), "internal");
  EXPECT_EQ(read(start + start, -1), "internal");
  EXPECT_EQ(read(start + raw_data("abc") + wire::error_frame({Code::no_space, "x", "", {}}), -1), "no_space");
  EXPECT_EQ(read(raw_data("abc"), -1), "internal");
}

TEST(HostileAgent, ThatNeverReadsCannotHoldAWriterForEver) {
  StringSource content(std::string(4 << 20, 'x'));
  FakeAgent agent(saying(Writer(Kind::answer).frame()), Quick::options);

  EXPECT_EQ(agent.client.write(agent.here, "/f", {}, content).error().code, Code::timed_out);
}

TEST(HostileAgent, ThatStopsAWriteIsHeard) {
  StringSource content(std::string(4 << 20, 'x'));
  FakeAgent agent([](int connection) {
    say(connection, Writer(Kind::answer).frame() + wire::error_frame({Code::no_space, "full", "", {}}));
    std::string some(100'000, '\0');
    ::recv(connection, some.data(), some.size(), MSG_WAITALL);
  });

  EXPECT_EQ(agent.client.write(agent.here, "/f", {}, content).error().message, "full");
}

TEST(HostileAgent, ABrokenSourceEndsAWrite) {
  struct Broken : Source {
    Result<std::size_t> read(std::span<char>) override { return fail(Code::denied, "no bytes for you"); }
  } broken;
  GivenAgent agent;
  put(agent.path("f"), "old");

  EXPECT_EQ(agent.client->write(agent.here, agent.path("f"), {}, broken).error().code, Code::denied);
  EXPECT_EQ(contents(agent.path("f")), "old");
  // The agent hears of it a little later; until then there is a draft.
  while (agent.client->list(agent.here, agent.folder.path)->entries.size() > 2) {
  }
}

TEST(HostileAgent, AStreamThatIsNoneBreaksOff) {
  const auto output = [](std::int64_t stream, std::int64_t start, const std::string& bytes) {
    return Writer(Kind::data).integer(stream).integer(start).text(bytes).frame();
  };
  const auto good = output(0, 0, "abc") + output(1, 5, "def");
  const std::string bad[] = {
      output(0, 2, "again"),                    // what was given before
      output(2, 0, "no process"),               // an end without one
      output(3, 0, "x"),                        // a stream that is none
      output(0, 3, std::string(70'000, 'x')),   // more than a piece
      Writer(Kind::data).integer(0).frame(),    // half of one
      Writer(Kind::end).frame(),                // an end of the content without one of the process
      std::string(8, '\xff'),
  };
  for (const auto& piece : bad) {
    FakeAgent agent(saying(some_process().frame() + good + piece));
    const auto stream = agent.client.follow(agent.here, 1, {});
    ASSERT_TRUE(stream) << stream.error().message;
    EXPECT_EQ((*stream)->next(5s)->bytes, "abc");
    EXPECT_EQ((*stream)->next(5s)->dropped, 5);
    const auto next = (*stream)->next(5s);
    ASSERT_FALSE(next) << wire::decode_header(std::span<const char, 8>(piece.data(), 8)).has_value();
    EXPECT_EQ(next.error().code, Code::internal);
  }
  FakeAgent other(saying(some_process().frame()));
  EXPECT_EQ(other.client.follow(other.here, 2, {}).error().code, Code::internal) << "another process";
}

TEST(HostileAgent, RandomlyAlteredAnswersAreReadOrRefused) {
  std::mt19937 random(20'261'121);
  const std::string replies[] = {run_reply(8, "abc"), some_process().frame(), list_reply("a"),
                                 Writer(Kind::answer).text("1").integer(1).integer(1).frame(),
                                 Writer(Kind::answer).integer(3).frame() + raw_data("abc") + Writer(Kind::end).frame()};
  std::atomic<std::size_t> turn = 0;
  FakeAgent agent([&](int connection) {
    auto bytes = replies[turn++ % std::size(replies)];
    for (int changes = int(random() % 4); changes > 0; --changes) bytes[random() % bytes.size()] = char(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    say(connection, bytes);
  });
  for (int i = 0; i < 400; ++i) {
    agent.client.status(agent.here).has_value();
    agent.run().has_value();
    agent.client.processes(agent.here).has_value();
    agent.client.list(agent.here, "/").has_value();
    read_all(agent, -1).has_value();
  }
}

}  // namespace
}  // namespace mayfly::test
