#include "explore/serve/Queue.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

namespace weft::explore {

namespace {

constexpr double never = std::numeric_limits<double>::infinity();

struct Answer {
  const Request *request;
  double ready = 0; // its cache is there, the first token out
  double first = 0; // time of the first token
  uint32_t made = 1;
};

class Queue {
public:
  Queue(const Server &server, std::span<const Request> requests) : server(server) {
    for (const Request &request : requests)
      waiting.push_back(&request);
  }

  Served run() {
    while (step()) {
    }
    return std::move(served);
  }

private:
  static uint64_t tokensOf(const Request &request) { return uint64_t{request.prompt} + request.output; }
  bool hasRoom(const Request &request) const { return held + tokensOf(request) <= server.cacheTokens; }
  void dropImpossible() {
    while (!waiting.empty() &&
           (tokensOf(*waiting.front()) > server.cacheTokens || waiting.front()->prompt > server.longestPrompt)) {
      ++served.rejected;
      waiting.pop_front();
    }
  }

  bool step() {
    dropImpossible();
    joinReady();
    if (server.sharing == Sharing::Split)
      beginPrompts();
    else if (takePrompts())
      return true;
    joinReady();
    if (!active.empty()) {
      round();
      return true;
    }
    double next = coming.empty() ? never : coming.front().ready;
    if (!waiting.empty() && hasRoom(*waiting.front()))
      next = std::min(next, std::max(waiting.front()->arrival,
                                     server.sharing == Sharing::Split ? std::max(promptsFree, roomSince) : now));
    if (next == never)
      return false;
    now = std::max(now, next);
    return true;
  }

  /// The region of prompts: all that would have begun by now.
  void beginPrompts() {
    for (; !waiting.empty() && hasRoom(*waiting.front()); dropImpossible()) {
      const Request &request = *waiting.front();
      const double start = std::max({request.arrival, promptsFree, wasFull ? roomSince : 0});
      if (start > now)
        return;
      wasFull = false;
      const PromptTime time = server.prompt(request.prompt);
      begin(request, start + time.seconds);
      promptsFree = start + time.interval;
      served.promptSeconds += time.interval;
    }
    wasFull |= !waiting.empty() && waiting.front()->arrival <= now && !hasRoom(*waiting.front());
  }

  void begin(const Request &request, double end) {
    held += tokensOf(request);
    double ready = end + server.handOver(request.prompt);
    if (!coming.empty()) { // nothing passes what is before it
      end = std::max(end, coming.back().first);
      ready = std::max(ready, coming.back().ready);
    }
    coming.push_back({&request, ready, end});
    waiting.pop_front();
  }

  /// One machine: the prompts that are there now. False if it is not their turn.
  bool takePrompts() {
    const bool isTheirTurn = server.sharing == Sharing::PromptsFirst || !lastWasPrompt || active.empty();
    if (!isTheirTurn || waiting.empty() || waiting.front()->arrival > now || !hasRoom(*waiting.front()))
      return false;
    switchTo(true);
    const double start = now;
    double entry = start;
    do {
      const Request &request = *waiting.front();
      const PromptTime time = server.prompt(request.prompt);
      // A shorter prompt does not pass the one before it.
      now = std::max(now, entry + time.seconds);
      begin(request, now);
      entry += time.interval;
      dropImpossible();
    } while (server.sharing == Sharing::PromptsFirst && !waiting.empty() && waiting.front()->arrival <= start &&
             hasRoom(*waiting.front()));
    served.promptSeconds += now - start;
    lastWasPrompt = true;
    return true;
  }

  void switchTo(bool prompts) {
    if (server.sharing == Sharing::Split || prompts == inPrompts)
      return;
    inPrompts = prompts;
    now += server.switchSeconds;
    served.switches += server.switchSeconds;
  }

  void joinReady() {
    for (; !coming.empty() && coming.front().ready <= now; coming.pop_front()) {
      context += coming.front().request->prompt + 1.0;
      active.push_back(coming.front());
      if (coming.front().request->output <= 1)
        finish(active.size() - 1, coming.front().first);
    }
  }

  /// A token for those that came first; in the next round those come first that had none in this one.
  void round() {
    switchTo(false);
    const size_t count = std::min<size_t>(active.size(), server.mostSequences);
    const double seconds = server.round(uint32_t(count), context / double(active.size()));
    now += seconds;
    served.roundSeconds += seconds;
    lastWasPrompt = false;
    context += double(count);
    const size_t before = active.size();
    for (size_t i = count; i-- > 0;)
      if (++active[i].made >= active[i].request->output)
        finish(i, now);
    const size_t hadTurn = count - (before - active.size()); // and go on
    std::rotate(active.begin(), active.begin() + std::ptrdiff_t(hadTurn), active.end());
  }

  void finish(size_t index, double end) {
    const Answer answer = active[index];
    active.erase(active.begin() + std::ptrdiff_t(index));
    context -= answer.request->prompt + double(answer.made);
    held -= tokensOf(*answer.request);
    roomSince = now;
    ++served.finished;
    served.tokens += answer.request->output;
    served.seconds = std::max(served.seconds, end);
    served.firstToken.push_back(answer.first - answer.request->arrival);
    if (answer.made > 1)
      served.perToken.push_back((end - answer.first) / (answer.made - 1));
  }

  const Server &server;
  std::deque<const Request *> waiting;
  std::deque<Answer> coming; // their prompts are begun, or on their way
  std::vector<Answer> active;
  Served served;
  double now = 0, promptsFree = 0, roomSince = 0, context = 0;
  uint64_t held = 0; // tokens of the cache
  bool lastWasPrompt = false, inPrompts = true, wasFull = false;
};

} // namespace

Served serve(const Server &server, std::span<const Request> requests) { return Queue(server, requests).run(); }

double quantile(std::vector<double> values, double share) {
  if (values.empty())
    return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const auto rank = size_t(std::ceil(share * double(values.size())));
  return values[std::clamp<size_t>(rank, 1, values.size()) - 1];
}

} // namespace weft::explore
