import { randomBytes } from 'node:crypto';
import { AwsClient } from 'aws4fetch';
import { askServers } from './ask.ts';
import type { S3Address } from './s3-server.ts';

export interface TestBucket extends S3Address {
  /** New and empty. */
  bucket: string;
  /** Writes without an adapter. */
  put(key: string, body: string): Promise<void>;
}

/** The S3 server of the test run, with a new bucket. */
export async function testBucket(): Promise<TestBucket> {
  const { endpoint, region, accessKeyId, secretAccessKey } = await askServers<S3Address>('/s3');
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 });
  const bucket = `test-${randomBytes(8).toString('hex')}`;
  const write = async (path: string, body?: string): Promise<void> => {
    const response = await client.fetch(`${endpoint}/${path}`, { method: 'PUT', ...(body === undefined ? {} : { body }) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  };
  await write(bucket);
  return { endpoint, region, accessKeyId, secretAccessKey, bucket, put: (key, body) => write(`${bucket}/${key}`, body) };
}
