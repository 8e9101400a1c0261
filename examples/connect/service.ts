/** A service for server and client, described in code: one made by protoc-gen-es does as well. */
import { create, createFileRegistry } from '@bufbuild/protobuf';
import type { GenService } from '@bufbuild/protobuf/codegenv2';
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  type StringValueSchema,
  type UInt32ValueSchema,
} from '@bufbuild/protobuf/wkt';

const file = create(FileDescriptorProtoSchema, {
  name: 'log.proto',
  package: 'zlease.example',
  syntax: 'proto3',
  dependency: ['google/protobuf/wrappers.proto'],
  service: [
    {
      name: 'Log',
      method: [
        { name: 'Append', inputType: '.google.protobuf.StringValue', outputType: '.google.protobuf.UInt32Value' },
        { name: 'Tail', inputType: '.google.protobuf.UInt32Value', outputType: '.google.protobuf.StringValue' },
      ],
    },
  ],
});

const registry = createFileRegistry(file, () => file_google_protobuf_wrappers);

export const Log = registry.getService('zlease.example.Log') as unknown as GenService<{
  /** Adds lines; says how many there are now. */
  append: { methodKind: 'unary'; input: typeof StringValueSchema; output: typeof UInt32ValueSchema };
  /** The last so many lines. */
  tail: { methodKind: 'unary'; input: typeof UInt32ValueSchema; output: typeof StringValueSchema };
}>;
