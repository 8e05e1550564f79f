/* Statuses in words. */
#include "hmd_status.h"

const char *hmd_status_text(hmd_status status) {
  switch (status) {
    case HMD_OK: return "ok";
    case HMD_ERROR_LENGTH: return "custom options are not 32 bytes long";
    case HMD_ERROR_MAGIC: return "custom options are not of this op";
    case HMD_ERROR_VERSION: return "custom options of another version; convert the model again";
    case HMD_ERROR_FIELD: return "a field of the custom options is out of its range";
    case HMD_ERROR_SIZE: return "the layer is larger than 2 GiB";
    case HMD_ERROR_WEIGHTS: return "the weights could overflow an accumulator";
  }
  return "unknown status";
}
