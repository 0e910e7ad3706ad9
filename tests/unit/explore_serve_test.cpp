// Requests over time: the reader of traces, and queues whose times a person can work out.
#include "explore/serve/Queue.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <random>

using namespace weft;
using namespace weft::explore;

static const std::string header = "TIMESTAMP,ContextTokens,GeneratedTokens";

TEST_CASE("a trace has a time and two numbers a line") {
  auto dates = readTrace("TIMESTAMP,ContextTokens,GeneratedTokens\r\n2024-02-29 23:59:59.5000000,4808,10\r\n"
                         "2024-03-01 00:00:01.2500000,110,27\r\n",
                         "a.csv");
  REQUIRE(dates);
  REQUIRE(dates->size() == 2);
  CHECK((*dates)[0].arrival == 0);
  CHECK((*dates)[1].arrival == Approx(1.75));
  CHECK((*dates)[1].prompt == 110);
  CHECK((*dates)[1].output == 27);
  auto seconds = readTrace("GeneratedTokens,TIMESTAMP,ContextTokens\n2,10.5,1\n\n4,\"11\",3", "a.csv");
  REQUIRE(seconds);
  CHECK((*seconds)[1].prompt == 3);
  CHECK((*seconds)[1].output == 4);
  CHECK((*seconds)[1].arrival == Approx(0.5));
}

TEST_CASE("a first line that names no columns is not passed over") {
  for (const auto &[first, missing] :
       {std::pair{"0,100,5", "TIMESTAMP"}, {"TIMESTAMP,prompt,GeneratedTokens", "ContextTokens"}}) {
    auto read = readTrace(std::string(first) + "\n1,1,1\n2,2,2\n", "a.csv");
    INFO(first);
    REQUIRE_FALSE(read);
    CHECK_THAT(read.error().message, Catch::Matchers::Contains(missing));
  }
}

TEST_CASE("a line that is no request is an error with its number") {
  for (const char *line :
       {"1,2", "1,2,3,4", "x,2,3", "1,-2,3", "1,2,3.5", "nan,1,1", "inf,1,1", "1,99999999,1",
        "2024-02-30 00:00:00.0,1,1", "2024-02-03 24:00:00.0,1,1", "2024-02-03 00:00,1,1", ",,", "0,1,1"}) {
    auto read = readTrace(header + "\n1,1,1\n" + line + "\n", "a.csv");
    INFO(line);
    REQUIRE_FALSE(read);
    CHECK_THAT(read.error().message, Catch::Matchers::StartsWith("a.csv:3: "));
  }
  CHECK_FALSE(readTrace("", "a.csv"));
  CHECK_FALSE(readTrace(header + "\n", "a.csv"));
}

namespace {

/// A prompt takes 1 s for 100 tokens, two stages; a round 0.1 s whatever is in it.
Server plain(Sharing sharing) {
  Server server;
  server.sharing = sharing;
  server.prompt = [](uint32_t tokens) { return PromptTime{tokens / 100.0, tokens / 200.0}; };
  server.round = [](uint32_t, double) { return 0.1; };
  server.handOver = [](uint32_t) { return 0.0; };
  server.cacheTokens = 1'000'000;
  server.mostSequences = 8;
  server.longestPrompt = 10'000;
  return server;
}

} // namespace

TEST_CASE("one request waits for nobody") {
  for (Sharing sharing : {Sharing::Split, Sharing::PromptsFirst, Sharing::Alternate}) {
    const Served served = serve(plain(sharing), std::vector<Request>{{0, 200, 11}});
    CHECK(served.finished == 1);
    CHECK(served.firstToken[0] == Approx(2));
    CHECK(served.perToken[0] == Approx(0.1));
    CHECK(served.seconds == Approx(3));
    CHECK(served.tokens == 11);
  }
}

TEST_CASE("side by side a prompt stops no answer, in turn it does") {
  const std::vector<Request> requests = {{0, 100, 21}, {1.5, 100, 2}};
  const Served split = serve(plain(Sharing::Split), requests);
  CHECK(split.perToken.back() == Approx(0.1)); // the long answer's, which is the last to end
  const Served shared = serve(plain(Sharing::PromptsFirst), requests);
  // The first answer has 20 tokens in 2 s and stands still for the second's prompt of 1 s.
  CHECK(*std::max_element(shared.perToken.begin(), shared.perToken.end()) == Approx(3.0 / 20));
  CHECK(shared.roundSeconds == Approx(2.0));
  CHECK(shared.promptSeconds == Approx(2.0));
}

TEST_CASE("prompts follow each other at their interval") {
  const std::vector<Request> requests = {{0, 100, 1}, {0, 100, 1}, {0, 100, 1}};
  for (Sharing sharing : {Sharing::Split, Sharing::PromptsFirst}) {
    const Served served = serve(plain(sharing), requests);
    REQUIRE(served.firstToken.size() == 3);
    CHECK(served.firstToken[0] == Approx(1));
    CHECK(served.firstToken[1] == Approx(1.5));
    CHECK(served.firstToken[2] == Approx(2));
  }
}

TEST_CASE("switching is paid for each way") {
  Server server = plain(Sharing::Alternate);
  server.switchSeconds = 0.25;
  const Served served = serve(server, std::vector<Request>{{0, 100, 3}, {0, 100, 2}});
  CHECK(served.finished == 2);
  // prompt, switch, round, switch, prompt, switch, round
  CHECK(served.switches == Approx(0.75));
  CHECK(served.seconds == Approx(1 + 0.25 + 0.1 + 0.25 + 1 + 0.25 + 0.1));
}

TEST_CASE("answers that had no turn come first in the next round, whatever ended in this one") {
  Server server = plain(Sharing::PromptsFirst);
  server.mostSequences = 2;
  // Rounds: the first two, of which the first ends; the other two, which end; the second again.
  Served served = serve(server, std::vector<Request>{{0, 0, 2}, {0, 0, 3}, {0, 0, 2}, {0, 0, 2}});
  std::ranges::sort(served.perToken);
  REQUIRE(served.perToken.size() == 4);
  CHECK(served.perToken[0] == Approx(0.1));
  CHECK(served.perToken[1] == Approx(0.3 / 2));
  CHECK(served.perToken[2] == Approx(0.2));
  CHECK(served.perToken[3] == Approx(0.2));
}

TEST_CASE("a request waits for room in the cache, and one that never fits is rejected") {
  Server server = plain(Sharing::Split);
  server.cacheTokens = 150;
  server.longestPrompt = 140;
  const Served served = serve(server, std::vector<Request>{{0, 100, 11}, {0, 100, 11}, {0, 141, 1}, {0, 100, 51}});
  CHECK(served.finished == 2);
  CHECK(served.rejected == 2);
  CHECK(served.firstToken[0] == Approx(1));
  CHECK(served.firstToken[1] == Approx(1 + 1 + 1)); // the first one's last token is at 2
}

TEST_CASE("whatever comes, every request is finished or rejected, and time is not made") {
  std::mt19937 bits(7);
  auto upTo = [&](uint32_t most) { return std::uniform_int_distribution<uint32_t>(0, most)(bits); };
  for (int round = 0; round < 300; ++round) {
    Server server = plain(Sharing(upTo(2)));
    server.cacheTokens = 200 + upTo(3000);
    server.mostSequences = 1 + upTo(4);
    server.longestPrompt = 50 + upTo(1000);
    server.switchSeconds = upTo(1) * 0.05;
    server.handOver = [](uint32_t tokens) { return tokens / 1000.0; };
    std::vector<Request> requests;
    double time = 0;
    for (uint32_t i = 0; i < 1 + upTo(40); ++i)
      requests.push_back({time += upTo(20) / 10.0, upTo(1200), upTo(60)});
    const Served served = serve(server, requests);
    REQUIRE(served.finished + served.rejected == requests.size());
    for (double wait : served.firstToken)
      CHECK(wait >= 0);
    for (double each : served.perToken)
      CHECK(each >= 0.1 * (1 - 1e-9));
    CHECK(served.roundSeconds <= served.seconds * (1 + 1e-9) + 1e-9);
    if (server.sharing != Sharing::Split)
      CHECK(served.promptSeconds + served.roundSeconds + served.switches <= served.seconds + 1e-6);
  }
}

TEST_CASE("a quantile is one of the values") {
  CHECK(quantile({3, 1, 2}, 0.5) == 2);
  CHECK(quantile({3, 1, 2}, 0.99) == 3);
  CHECK(quantile({3, 1, 2}, 0) == 1);
  CHECK(std::isnan(quantile({}, 0.5)));
}
