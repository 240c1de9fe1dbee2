/** The form that `toJobName` gives to names: at most 12 characters, then a hash. */
const OWN_NAME = /^([a-z][a-z0-9-]{0,11}-[a-z2-7]{20})-/;

/** The name of the TrainJob that a Job or a pod of ours belongs to; undefined for any other. */
export function toTrainJobOfChild(childName: string): string | undefined {
  return OWN_NAME.exec(childName)?.[1];
}
