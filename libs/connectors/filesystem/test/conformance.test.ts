import { connectorConformance } from '@recant/connector/conformance';
import { makeWorld } from './world.ts';

connectorConformance({ name: 'filesystem', setUp: makeWorld });
