#include "SpawnProtocol.h"
