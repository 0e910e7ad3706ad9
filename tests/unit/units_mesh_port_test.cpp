// The golden model of the mesh port with more routes than a word has bits; the co-simulation has fewer.
#include "kernels/units/MeshPort.h"

#include <catch2/catch.hpp>

using namespace weft::units;

TEST_CASE("words go to and from routes beyond the 32nd") {
  MeshPortModel port(constants::highMeshPortColors, 1);
  const uint32_t route = constants::highMeshPortColors - 1;
  auto run = [&](uint32_t match, uint32_t value) {
    MeshPortIn in;
    in.issue = in.commit = true;
    in.instr = route << 20 | match;
    in.rs1 = value;
    CHECK(port.step(in).accept);
    MeshPortIn take;
    take.takeResult = true;
    return port.step(take);
  };
  CHECK(run(constants::matchMeshPut, 7).result);
  CHECK(port.upValid() == RouteSet().set(route));
  MeshPortIn grant;
  grant.upGrant.set(route);
  CHECK(port.step(grant).upData[route] == 7);
  CHECK(port.upValid().none());

  MeshPortIn coming;
  coming.downGrant.set(route);
  port.step(coming);
  CHECK(port.downReady() == RouteSet().set().reset(route));
  MeshPortIn word;
  word.down = true;
  word.downColor = route;
  word.downData = 9;
  port.step(word);
  CHECK(run(constants::matchMeshGet, 0).resultData == 9);
  CHECK(port.downReady().all());

  MeshPortIn beyond;
  beyond.instr = constants::highMeshPortColors << 20 | constants::matchMeshPut;
  CHECK_FALSE(port.step(beyond).accept);
}
