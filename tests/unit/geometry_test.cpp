// The arithmetic of layouts, for all meshes up to 9x9.
#include "compiler/place/Geometry.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <deque>
#include <numeric>
#include <set>

using namespace weft::place;

namespace {

constexpr int64_t largest = 9;

/// Every mesh, with both orders of ranks.
template <typename Body> void forEachMesh(Body body) {
  for (int64_t width = 1; width <= largest; ++width)
    for (int64_t height = 1; height <= largest; ++height)
      for (bool interleave : {true, false}) {
        CAPTURE(width, height, interleave);
        body(Mesh::make(width, height, interleave));
      }
}

bool isPermutation(const std::vector<int> &order) {
  std::vector<int> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<int>(i))
      return false;
  return true;
}

/// How often each element of a dimension of `extent` appears over `ranks` ranks, and the number of padding places.
std::pair<std::vector<int>, int64_t> coverage(int64_t extent, int64_t local, int64_t ranks) {
  std::vector<int> seen(extent);
  int64_t padding = 0;
  for (int64_t rank = 0; rank < ranks; ++rank)
    for (int64_t i = 0; i < local; ++i) {
      int64_t index = blockIndex(extent, local, rank, i);
      index < 0 ? ++padding : ++seen.at(index);
    }
  return {seen, padding};
}

bool allOnce(const std::vector<int> &seen) {
  return std::all_of(seen.begin(), seen.end(), [](int count) { return count == 1; });
}

/// Head counts and dimensions with and without more columns of cores than heads.
template <typename Body> void forEachHeads(int64_t width, Body body) {
  for (int64_t kvHeads : {1, 2, 3, 5, 8})
    for (int64_t group : {1, 2, 3})
      for (int64_t headDim : {1, 2, 4, 6, 7, 10, 16, 22})
        for (int64_t turning : {headDim / 2, headDim / 4, int64_t{0}})
          for (bool interleaved : {false, true}) {
            CAPTURE(kvHeads, group, headDim, turning, interleaved);
            body(HeadLayout::make(width, {kvHeads, group, headDim, turning, interleaved}));
          }
}

} // namespace

TEST_CASE("ranks and cores are each other's inverse, and rings are short") {
  forEachMesh([](const Mesh &mesh) {
    REQUIRE(isPermutation(mesh.coreOfRankX));
    REQUIRE(isPermutation(mesh.coreOfRankY));
    for (int64_t rank = 0; rank < mesh.width; ++rank) {
      REQUIRE(mesh.rankOfCoreX[mesh.coreOfRankX[rank]] == rank);
      if (mesh.interleave)
        REQUIRE(std::abs(mesh.coreOfRankX[rank] - mesh.coreOfRankX[(rank + 1) % mesh.width]) <= 2);
    }
    for (int64_t rank = 0; rank < mesh.height; ++rank)
      REQUIRE(mesh.rankOfCoreY[mesh.coreOfRankY[rank]] == rank);
    REQUIRE(mesh.blocks == std::lcm(mesh.width, mesh.height));
    REQUIRE(mesh.blocksX * mesh.width == mesh.blocks);
    REQUIRE(mesh.blocksY * mesh.height == mesh.blocks);
  });
}

TEST_CASE("every element of a dimension lies on exactly one rank") {
  forEachMesh([](const Mesh &mesh) {
    for (int64_t extent = 1; extent <= 70; ++extent) {
      int64_t width = blockWidth(mesh, extent);
      REQUIRE(width % 2 == 0); // a row of 16-bit elements is whole words
      int64_t onX = contractionLocalX(mesh, extent), onY = contractionLocalY(mesh, extent);
      REQUIRE(onX * mesh.width == onY * mesh.height); // both axes see the same blocks
      // No more padding than one odd element a block and the last blocks' remainder.
      REQUIRE(width * mesh.blocks < extent + 2 * mesh.blocks);
      for (auto [local, ranks] : {std::pair(onX, mesh.width), std::pair(onY, mesh.height),
                                  std::pair(plainLocal(extent, mesh.width), mesh.width)}) {
        auto [seen, padding] = coverage(extent, local, ranks);
        REQUIRE(allOnce(seen));
        REQUIRE(padding == local * ranks - extent);
      }
    }
  });
}

TEST_CASE("every head and dimension lies on exactly one column of cores, its rotary pair beside it") {
  for (int64_t width = 1; width <= largest; ++width)
    forEachHeads(width, [&](const HeadLayout &heads) {
      CAPTURE(width);
      int64_t group = heads.group, turning = heads.turningPairs();
      std::vector<int> queries(heads.kvHeads * group * heads.headDim), keys(heads.kvHeads * heads.headDim);
      std::vector<int> values = keys, outputs = queries;
      for (int64_t x = 0; x < width; ++x) {
        for (int64_t c = 0; c < heads.headsOnCore() * heads.width; ++c)
          if (int64_t index = heads.queryIndex(x, c); index >= 0)
            ++queries.at(index);
        for (int64_t c = 0; c < heads.headsOnCore() * heads.width; ++c)
          if (int64_t index = heads.outputIndex(x, c); index >= 0)
            ++outputs.at(index);
        for (int64_t c = 0; c < heads.headsPerCore * heads.width; ++c)
          if (int64_t index = heads.keyIndex(x, c); index >= 0)
            ++keys.at(index);
        for (int64_t c = 0; c < heads.headsPerCore * heads.width; ++c)
          if (int64_t index = heads.valueIndex(x, c); index >= 0) {
            ++values.at(index);
            // Values are runs.
            if (c % heads.width > 0)
              REQUIRE(heads.valueIndex(x, c - 1) == index - 1);
          }
        for (int64_t c = 0; c < heads.width; c += 2) { // a pair, or both padding
          int64_t first = heads.dimension(x, c), second = heads.dimension(x, c + 1), pair = heads.pair(x, c / 2);
          if (pair < 0 || pair >= turning)
            REQUIRE((first < 0 ? pair < 0 && second < 0 : second == first + 1 || first + 1 == heads.headDim));
          else if (heads.interleaved)
            REQUIRE((first == 2 * pair && second == first + 1));
          else
            REQUIRE((first == pair && second == first + turning));
        }
      }
      REQUIRE(allOnce(queries));
      REQUIRE(allOnce(keys));
      REQUIRE(allOnce(values));
      REQUIRE(allOnce(outputs));
    });
}

TEST_CASE("the numbers of heads make the same heads, and plain ones are three") {
  REQUIRE(HeadShape{2, 3, 8, 4, false}.numbers() == std::vector<int64_t>{2, 3, 8});
  REQUIRE(HeadShape{2, 3, 8, -1, false}.numbers() == std::vector<int64_t>{2, 3, 8});
  REQUIRE(HeadShape{2, 3, 8, 4, true}.numbers() == std::vector<int64_t>{2, 3, 8, 4, 1});
  REQUIRE(HeadShape{2, 3, 7, 0, false}.numbers() == std::vector<int64_t>{2, 3, 7, 0, 0});
  forEachHeads(3, [](const HeadLayout &heads) {
    HeadLayout again = HeadLayout::make(3, HeadShape::of(heads.numbers()));
    for (int64_t x = 0; x < 3; ++x)
      for (int64_t c = 0; c < heads.width; ++c)
        REQUIRE(again.dimension(x, c) == heads.dimension(x, c));
  });
}

TEST_CASE("a query head lies on the cores of its kv head, in the same dimensions, as outputs do with values") {
  for (int64_t width = 1; width <= largest; ++width)
    forEachHeads(width, [&](const HeadLayout &heads) {
      CAPTURE(width);
      for (int64_t x = 0; x < width; ++x)
        for (int64_t c = 0; c < heads.headsOnCore() * heads.width; ++c) {
          int64_t query = heads.queryIndex(x, c);
          int64_t key = heads.keyIndex(x, c / (heads.group * heads.width) * heads.width + c % heads.width);
          int64_t output = heads.outputIndex(x, c);
          int64_t value = heads.valueIndex(x, c / (heads.group * heads.width) * heads.width + c % heads.width);
          REQUIRE((output < 0) == (value < 0));
          REQUIRE((output < 0 || output % heads.headDim == value % heads.headDim));
          REQUIRE((query < 0) == (key < 0));
          if (query >= 0) {
            REQUIRE(query / heads.headDim / heads.group == key / heads.headDim);
            REQUIRE(query % heads.headDim == key % heads.headDim);
          }
        }
      // Cores that share a head are the runs that scores are reduced over.
      if (heads.segments() > 0)
        for (int64_t x = 0; x < width; ++x)
          REQUIRE(heads.kvHead(x, 0) == (x < heads.segments() * heads.coresPerHead ? x / heads.coresPerHead : -1));
    });
}

TEST_CASE("pieces of heads with a rotary part make the columns that queries, keys and values have") {
  using enum HeadPiece;
  for (int64_t width = 1; width <= largest; ++width)
    for (int64_t kvHeads : {1, 2, 3, 5, 8})
      for (int64_t rotary : {2, 4, 10})
        for (int64_t rest : {1, 3, 6, 13})
          for (int64_t ofValue : {1, 5, 8, 16}) {
            CAPTURE(width, kvHeads, rotary, rest, ofValue);
            const HeadShape shape{kvHeads, 1, rotary + rest, rotary / 2, rest % 2 == 0, ofValue, rotary};
            const HeadLayout heads = HeadLayout::make(width, HeadShape::of(shape.numbers()));
            REQUIRE(heads.numbers() == shape.numbers());
            REQUIRE(heads.width % 2 == 0);
            REQUIRE(heads.valueWidth % 2 == 0);
            // No core has more of a part than an even share needs.
            REQUIRE(heads.rotaryWidth < rotary / heads.coresPerHead + 2 + (rotary % heads.coresPerHead != 0));
            std::vector<int> partOfQuery(kvHeads * rotary), restOfQuery(kvHeads * rest), values(kvHeads * ofValue);
            std::vector<int> partOfKey(rotary), outputs = values;
            for (int64_t x = 0; x < width; ++x) {
              for (int64_t local = 0; local < heads.headsPerCore; ++local)
                for (int64_t c = 0; c < heads.width; ++c) {
                  const bool turns = c < heads.rotaryWidth;
                  const int64_t of = turns ? heads.rotaryWidth : heads.width - heads.rotaryWidth;
                  const int64_t at = local * of + (turns ? c : c - heads.rotaryWidth);
                  const int64_t whole = heads.queryIndex(x, local * heads.width + c);
                  const int64_t query = heads.pieceIndex(turns ? QueryRotary : QueryRest, x, at);
                  const int64_t key = heads.pieceIndex(turns ? KeyRotary : KeyRest, x, at);
                  REQUIRE((query < 0) == (whole < 0));
                  REQUIRE((key < 0) == (whole < 0));
                  if (whole < 0)
                    continue;
                  const int64_t head = whole / heads.headDim, dim = whole % heads.headDim;
                  REQUIRE(turns == (dim < rotary));
                  REQUIRE(query == (turns ? head * rotary + dim : head * rest + dim - rotary));
                  REQUIRE(key == (turns ? dim : query)); // one rotary part for all heads
                  ++(turns ? partOfQuery : restOfQuery).at(query);
                  if (turns)
                    ++partOfKey.at(key);
                }
              REQUIRE(heads.pieceColumns(Value) == heads.headsPerCore * heads.valueWidth);
              for (int64_t c = 0; c < heads.pieceColumns(Value); ++c) {
                if (const int64_t index = heads.pieceIndex(Value, x, c); index >= 0)
                  ++values.at(index);
                if (const int64_t index = heads.outputIndex(x, c); index >= 0)
                  ++outputs.at(index);
              }
            }
            REQUIRE(allOnce(partOfQuery));
            REQUIRE(allOnce(restOfQuery));
            REQUIRE(allOnce(values));
            REQUIRE(allOnce(outputs));
            REQUIRE(std::count(partOfKey.begin(), partOfKey.end(), kvHeads) == rotary);
          }
}

TEST_CASE("pieces are called what they are") {
  using enum HeadPiece;
  for (HeadPiece piece : {QueryRotary, QueryRest, KeyRotary, KeyRest, Value})
    REQUIRE(headPieceNamed(nameOf(piece)) == piece);
}

TEST_CASE("the packed order is a permutation of the attention output, block by block as it lies on x") {
  forEachMesh([](const Mesh &mesh) {
    forEachHeads(mesh.width, [&](const HeadLayout &heads) {
      int64_t columns = heads.headsOnCore() * heads.width, width = roundUp(ceilDiv(columns, mesh.blocksX), 2);
      std::vector<int> seen(heads.kvHeads * heads.group * heads.headDim);
      for (int64_t rank = 0; rank < mesh.height; ++rank)
        for (int64_t i = 0; i < mesh.blocksY * width; ++i) {
          int64_t index = packedIndex(mesh, heads, width, rank, i);
          if (index >= 0)
            ++seen.at(index);
          // The same place counted along x: what the core there holds at that column.
          int64_t place = rank * mesh.blocksY * width + i, perRank = mesh.blocksX * width;
          int64_t column = place % perRank;
          int64_t held = column < columns ? heads.outputIndex(mesh.coreOfRankX[place / perRank], column) : -1;
          REQUIRE(index == held);
        }
      REQUIRE(allOnce(seen));
    });
  });
}

TEST_CASE("tokens are spread evenly, longer runs last, and an append moves one entry a rank") {
  for (int64_t ranks = 1; ranks <= 2 * largest; ++ranks) {
    CAPTURE(ranks);
    for (int64_t n = 0; n <= 60; ++n) {
      REQUIRE(sequenceStart(0, n, ranks) == 0);
      REQUIRE(sequenceStart(ranks, n, ranks) == n);
      int64_t previous = 0;
      for (int64_t k = 0; k < ranks; ++k) {
        int64_t count = sequenceStart(k + 1, n, ranks) - sequenceStart(k, n, ranks);
        REQUIRE((count == n / ranks || count == n / ranks + 1));
        REQUIRE(count >= previous);
        previous = count;
        // Appending: boundaries move by at most one, so that each rank hands on its oldest entry or none.
        int64_t moved = sequenceStart(k, n + 1, ranks) - sequenceStart(k, n, ranks);
        REQUIRE((moved == 0 || moved == 1));
        REQUIRE((moved == 1) == (k > ranks - 1 - n % ranks));
      }
    }
  }
}

namespace {

/// The queues of K blocks along one ring: rank r starts with the blocks that Geometry gives it.
std::vector<std::deque<int64_t>> queuesOf(int64_t ranks, int64_t blocksPerRank) {
  std::vector<std::deque<int64_t>> queues(ranks);
  for (int64_t block = 0; block < ranks * blocksPerRank; ++block)
    queues[block / blocksPerRank].push_back(block);
  return queues;
}

/// Every rank hands its first block to the rank below, which takes it behind its last.
void rotate(std::vector<std::deque<int64_t>> &queues, int64_t times) {
  for (; times > 0; --times) {
    std::vector<int64_t> heads;
    for (auto &queue : queues) {
      heads.push_back(queue.front());
      queue.pop_front();
    }
    for (size_t rank = 0; rank < queues.size(); ++rank)
      queues[rank].push_back(heads[(rank + 1) % queues.size()]);
  }
}

} // namespace

TEST_CASE("after alignment both queues of a core begin with the same block of K at every step") {
  forEachMesh([](const Mesh &mesh) {
    std::vector<std::vector<std::deque<int64_t>>> rows, columns; // A's queues by y rank, B's by x rank
    for (int64_t rankY = 0; rankY < mesh.height; ++rankY)
      rotate(rows.emplace_back(queuesOf(mesh.width, mesh.blocksX)), mesh.blocksY * rankY);
    for (int64_t rankX = 0; rankX < mesh.width; ++rankX)
      rotate(columns.emplace_back(queuesOf(mesh.height, mesh.blocksY)), mesh.blocksX * rankX);
    std::vector<std::set<int64_t>> met(mesh.width * mesh.height);
    for (int64_t step = 0; step < mesh.blocks; ++step) {
      for (int64_t x = 0; x < mesh.width; ++x)
        for (int64_t y = 0; y < mesh.height; ++y) {
          int64_t rankX = mesh.rankOfCoreX[x], rankY = mesh.rankOfCoreY[y];
          int64_t ofA = rows[rankY][rankX].front(), ofB = columns[rankX][rankY].front();
          REQUIRE(ofA == ofB);
          REQUIRE(ofA == (mesh.blocksX * rankX + mesh.blocksY * rankY + step) % mesh.blocks);
          met[y * mesh.width + x].insert(ofA);
        }
      for (auto &row : rows)
        rotate(row, 1);
      for (auto &column : columns)
        rotate(column, 1);
    }
    for (const auto &blocks : met)
      REQUIRE(static_cast<int64_t>(blocks.size()) == mesh.blocks);
  });
}
