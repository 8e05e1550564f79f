/* What the checks of this library can find wrong. */
#ifndef HMD_STATUS_H_
#define HMD_STATUS_H_

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  HMD_OK = 0,
  HMD_ERROR_LENGTH,    /* options: not as long as this version's */
  HMD_ERROR_MAGIC,     /* options: not of this op */
  HMD_ERROR_VERSION,   /* options: of another version or weight layout */
  HMD_ERROR_FIELD,     /* options: a field out of its range */
  HMD_ERROR_SIZE,      /* tensors larger than 2 GiB */
  HMD_ERROR_WEIGHTS    /* weights whose sums could overflow */
} hmd_status;

/* One line in words. */
const char *hmd_status_text(hmd_status status);

#ifdef __cplusplus
}
#endif
#endif
