#pragma once

// Configurations stand in base: files tell them (io) and networks are built from them (models).
#include "base/model_config.h"
