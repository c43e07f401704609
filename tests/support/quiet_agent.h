#pragma once
// An agent that says what it is told to say, and answers runs when it is told to.

#include "ports/agent.h"

namespace mayfly {

class QuietAgent : public Agent {
 public:
  int calls = 0;             // that reached it
  int asked = 0;             // who holds the sandbox awake
  std::int64_t holders = 0;
  bool broken = false;

  void answer_all() {
    for (auto& then : waiting_) then(RunResult());
    waiting_.clear();
  }

  Result<AgentStatus> status(const Incarnation&) override { return called(AgentStatus()); }
  void run(const Incarnation&, const Command&, Duration, std::function<void(Result<RunResult>)> then) override {
    ++calls;
    waiting_.push_back(std::move(then));
  }
  Result<Process> spawn(const Incarnation&, const Command&) override { return called(Process()); }
  Result<std::vector<Process>> processes(const Incarnation&) override { return called(std::vector<Process>()); }
  Result<Process> process(const Incarnation&, std::int64_t) override { return called(Process()); }
  void wait(const Incarnation&, std::int64_t, Duration, std::function<void(Result<RunResult>)> then) override {
    ++calls;
    waiting_.push_back(std::move(then));
  }
  Status let_sleep(const Incarnation&, std::int64_t) override { return {}; }
  Result<std::int64_t> holding(const Incarnation&) override {
    ++asked;
    if (broken) return fail(Code::timed_out, "no answer");
    return holders;
  }
  Status signal(const Incarnation&, std::int64_t, int) override { return {}; }
  Result<LogPiece> log(const Incarnation&, std::int64_t, LogStream, std::int64_t, std::int64_t, Duration) override {
    return called(LogPiece());
  }
  Result<std::unique_ptr<ProcessStream>> attach(const Incarnation&, const Command&) override {
    ++calls;
    return std::make_unique<Silence>();
  }
  Result<std::unique_ptr<ProcessStream>> follow(const Incarnation&, std::int64_t, const LogView&) override {
    ++calls;
    return std::make_unique<Silence>();
  }
  Result<Fed> feed(const Incarnation&, std::int64_t, std::string_view, bool, Duration) override {
    return called(Fed());
  }
  Result<FileInfo> stat(const Incarnation&, const std::string&) override { return called(FileInfo()); }
  Result<FileList> list(const Incarnation&, const std::string&) override { return called(FileList()); }
  Result<FileList> tree(const Incarnation&, const std::string&) override { return called(FileList()); }
  Result<std::unique_ptr<Source>> read(const Incarnation&, const std::string&, std::int64_t, std::int64_t) override {
    ++calls;
    return std::make_unique<Nothing>();
  }
  Status write(const Incarnation&, const std::string&, std::optional<std::uint32_t>, Source&) override { return {}; }
  Status set_mode(const Incarnation&, const std::string&, std::uint32_t) override { return {}; }
  Status link(const Incarnation&, const std::string&, const std::string&) override { return {}; }
  Status mkdir(const Incarnation&, const std::string&, bool) override { return {}; }
  Status move(const Incarnation&, const std::string&, const std::string&) override { return {}; }
  Status remove(const Incarnation&, const std::string&, bool) override { return {}; }
  void connect(const Incarnation&, int, std::function<void(Result<PortConnection>)> then) override {
    ++calls;
    then(PortConnection());
  }

 private:
  struct Silence : ProcessStream {
    const Process& process() const override { return process_; }
    Result<ProcessNews> next(Duration) override { return ProcessNews(); }
    void cancel() override {}
    Process process_;
  };
  struct Nothing : Source {
    Result<std::size_t> read(std::span<char>) override { return std::size_t{0}; }
  };
  template <class T>
  Result<T> called(T answer) {
    ++calls;
    return answer;
  }

  std::vector<std::function<void(Result<RunResult>)>> waiting_;
};

}  // namespace mayfly
