#include "experiments/data/image.h"
