#include "mesh_programs.h"
#include <catch2/catch.hpp>
